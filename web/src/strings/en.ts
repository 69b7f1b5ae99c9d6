// Every text that a person can see or hear, in English. Another language is one
// file of the same shape (`Strings`), added to the list in index.ts.
//
// `{name}` is replaced; a text with a count has a form per plural category.
export const en = {
  "app.name": "Chatalot",
  "app.titleUnread": "({count}) Chatalot",
  "app.titleRoom": "{room} – Chatalot",
  "app.titleRoomUnread": "({count}) {room} – Chatalot",
  "app.starting": "Opening your messages…",

  "insecure.title": "This page needs https",
  "insecure.lead":
    "You opened Chatalot at {address} over plain http. On such an address the browser refuses what keeps your messages private, so there is nothing that Chatalot could start.",
  "insecure.missing": "What is missing",
  "insecure.missing.crypto": "The browser's cryptography, which seals messages before they are stored.",
  "insecure.missing.storage": "Its locks and protected storage, which keep your keys safe when several tabs are open.",
  "insecure.missing.network": "An encrypted connection: without one, anybody on the way could replace this very page.",
  "insecure.how": "How to get it",
  "insecure.proxy.title": "Put a TLS proxy in front",
  "insecure.proxy.text":
    "If this server has a name on the internet, Caddy gets the certificate by itself. Two lines in its Caddyfile are enough (before the closing brace):",
  "insecure.proxy.then": "Then tell Chatalot its new address, in its configuration file, so that invite links point there:",
  "insecure.tunnel.title": "Or use a tunnel, just for yourself",
  "insecure.tunnel.text":
    "Browsers trust localhost. With SSH access to the server, run this on your own machine and open the second address:",
  "insecure.tunnel.open": "Then open",

  "old.title": "This browser is too old for Chatalot",
  "old.text":
    "It lacks: {missing}. Update it, or use a current Firefox, Chrome, Edge or Safari, and open this page again.",

  "broken.title": "Chatalot could not open",
  "broken.store":
    "This browser did not let Chatalot read its storage. In a private window, or when the disk is full, this can happen. Your messages are not lost by it.",
  "broken.machine": "The part of Chatalot that reads your messages did not start. Your messages are not lost by it.",
  "broken.worker":
    "The background part of Chatalot did not start. An extension that blocks scripts can cause this, or a page that was loaded only in part.",
  "broken.reload": "Reload the page",
  "broken.detail": "For whoever runs the server: {detail}",

  "welcome.title": "Chat that only you and they can read",
  "welcome.text": "This server lets people in by invite. Ask somebody who is on it for a link, then paste it here.",
  "welcome.paste": "Invite link",
  "welcome.paste.hint": "It looks like {example}",
  "welcome.go": "Continue",
  "welcome.bad": "This is not an invite link. Copy the whole address, up to its last character.",
  "welcome.otherServer": "This link leads to another server, {host}. Open it there.",
  "welcome.lost.title": "This browser no longer has your keys",
  "welcome.lost.text":
    "You were here as {name}. The keys of this device were removed, for example with the browser's site data, and nobody else has them: the server never did. With a new invite link you can begin again; what was only on this device cannot be brought back.",
  "welcome.device": "One browser profile is one device. If you already chat in another browser, your messages are there.",

  "invite.title": "{inviter} invites you to chat",
  "invite.titleNobody": "You are invited to chat",
  "invite.server": "on {server}",
  "invite.text": "Choose a name and a password. Your keys are made here, in this browser, and never leave it.",
  "invite.name": "Name",
  "invite.name.hint": "This is how others find you: letters, digits, dot, dash and underscore.",
  "invite.password": "Password",
  "invite.password.hint": "At least {min} characters. There is no other rule.",
  "invite.password.show": "Show password",
  "invite.password.hide": "Hide password",
  "invite.password.more": {
    one: "One character to go",
    other: "{count} characters to go",
  },
  "invite.password.long": "Long enough",
  "invite.go": "Create account",
  "invite.going": "Making your keys…",
  "invite.loading": "Looking at your invite…",
  "invite.gone.title": "This invite does not work",
  "invite.gone.text": "It was used up, has expired, or the link is not complete. Ask the person who sent it for a new one.",
  "invite.gone.go": "Paste another link",
  "invite.failed.title": "The invite could not be checked",
  "invite.again": "Try again",
  "invite.already.title": "You are already here as {name}",
  "invite.already.text":
    "One browser profile is one device, and this one is yours. To use the invite for somebody else, open it in their browser.",
  "invite.already.go": "Open my chats",

  "error.offline": "The server cannot be reached. Check your connection, then try again.",
  "error.name_taken": "Somebody has this name already. Choose another.",
  "error.name_invalid": "This name cannot be used. It may have letters a–z, digits, dot, dash and underscore, at most 32.",
  "error.name_missing": "Choose a name first.",
  "error.password_length": "The password needs at least {min} characters.",
  "error.invite_not_found": "This invite no longer works. Ask for a new one.",
  "error.rate_limited": "That was too often in a short time. Wait a minute, then try again.",
  "error.overloaded": "The server has too much to do right now. Try again in a moment.",
  "error.limit_exceeded": "This is more than the server allows.",
  "error.person_not_found": "Nobody here is called “{name}”. Names are exact: check the spelling, or invite them.",
  "error.self": "That is your own name. Enter the name of somebody else.",
  "error.text_length": "This message is too long. Split it into several.",
  "error.not_verified":
    "The keys that the server gave for this person do not check out, so nothing was sent. Ask them to compare safety numbers with you another way, and tell whoever runs the server.",
  "error.identity_changed":
    "The identity of this person has changed, so nothing is sent until that is cleared up. Compare safety numbers with them.",
  "error.signed_out": "This device was signed out by the server. Sign in again with your password.",
  "error.wrong_credentials": "This is not the password of this account. Check it and try again.",
  "error.password_missing": "Enter your password first.",
  "error.device_not_linked":
    "The server no longer knows this device, so it cannot sign in. What is stored here can still be read.",
  "error.superseded": "A copy of this device is in use elsewhere, so this one has stopped.",
  "error.store": "This browser could not store it. Free some disk space, then try again.",
  "error.no_account": "There is no account in this browser.",
  "error.account_exists": "There is an account in this browser already. Reload the page to open it.",
  "error.interrupted":
    "The registration was interrupted, because the tab that did it was closed. Try again; if the name is now taken, choose another.",
  "error.internal": "Something went wrong in this program ({detail}). Reload the page and try again.",
  "error.refused": "The server did not accept this ({code}). Try again later, or ask whoever runs it.",

  "rooms.label": "Conversations",
  "rooms.new": "New message",
  "rooms.invite": "Invite people",
  "rooms.jump": "Jump to…",
  "rooms.empty.title": "No conversations yet",
  "rooms.empty.text": "Write to somebody by their exact name.",
  "rooms.unread": { one: "One unread message", other: "{count} unread messages" },
  "rooms.preview.own": "You: {text}",
  "rooms.preview.nothing": "No messages yet",
  "rooms.preview.draft": "Draft: {text}",
  "rooms.preview.unreadable": "A message that cannot be read",
  "rooms.none.title": "Choose a conversation",
  "rooms.none.text": "Or start a new one. Only you and the person you write to can read it.",
  "rooms.alone.title": "You are in",
  "rooms.alone.text": "Chatalot is better with somebody to write to. Send the people you know an invite link.",
  "rooms.me": "You are {name}",

  "room.label": "Conversation",
  "room.encrypted": "End-to-end encrypted",
  "room.changed": "Identity changed",
  "room.verify": "Verify",
  "room.verifyLabel": "Verify {name}: compare safety numbers",
  "room.back": "Back to conversations",
  "room.messages": "Messages with {name}",
  "room.unknown.title": "This conversation is not on this device",
  "room.unknown.text": "The link may be from another account.",
  "room.unknown.go": "Show my conversations",
  "room.begin.title": "This is the beginning of your conversation with {name}",
  "room.begin.text": "Messages are sealed on your device and opened on theirs. The server passes them on and cannot read them.",
  "room.older": "Loading older messages…",
  "room.older.failed": "Older messages could not be loaded.",
  "room.again": "Try again",
  "room.unread": { one: "One new message", other: "{count} new messages" },
  "room.latest": "Jump to the latest message",
  "room.latestNew": { one: "One new message", other: "{count} new messages" },
  "room.identity.title": "{name}'s identity has changed",
  "room.identity.text":
    "They may have set up a new account under the same name, or somebody may be trying to read along. Nothing is sent until this is cleared up: talk to them another way and compare safety numbers.",
  "room.history.title": "The server's record of this conversation does not add up",
  "room.history.text": "Messages may have been left out or reordered on the server. Compare with {name} what you both see.",

  "message.you": "You",
  "message.spoken": "{from}, {time}: {text}",
  "message.spokenState": "{from}, {time}: {text}. {state}",
  "message.sending": "Sending",
  "message.sent": "Sent",
  "message.failed": "Not sent",
  "message.failedWhy": "Not sent. {reason}",
  "message.retry": "Try again",
  "message.unreadable": "This message cannot be read on this device.",
  "message.unreadable.why": "It was not sealed for the keys that this device holds, or arrived damaged. Ask {name} to send it again.",
  "message.announce": "{from}: {text}",

  "composer.label": "Message to {name}",
  "composer.placeholder": "Write a message",
  "composer.send": "Send",
  "composer.hint": "Enter sends, Shift+Enter begins a new line",
  "composer.closed.identity": "You cannot write here until the changed identity is cleared up.",
  "composer.closed.signedOut": "This device is signed out. Sign in again to write.",
  "composer.tooLong": "Too long by {count} bytes. Split it into several messages.",

  "verify.title": "Safety number with {name}",
  "verify.text":
    "If you and {name} see the same number, nobody is between you: not this server, not anybody who broke into it.",
  "verify.how": "How to compare",
  "verify.step1": "Meet, or call each other where you recognise the voice.",
  "verify.step2": "{name} opens this same window in their conversation with you.",
  "verify.step3": "Read the twelve groups to each other. All must match.",
  "verify.differs": "If one differs, stop writing here and tell whoever runs the server.",
  "verify.number": "Safety number, twelve groups of five digits",
  "verify.copy": "Copy",
  "verify.copied": "Copied",
  "verify.loading": "Working out the number…",
  "verify.close": "Close",

  "newMessage.title": "New message",
  "newMessage.name": "Name",
  "newMessage.hint": "The exact name, as they chose it.",
  "newMessage.go": "Write",
  "newMessage.going": "Looking…",
  "newMessage.invite": "Invite them instead",

  "invitePeople.title": "Invite people",
  "invitePeople.text": "Whoever opens this link can join the server. Send it to somebody you trust.",
  "invitePeople.uses": "People who may use it",
  "invitePeople.make": "Create link",
  "invitePeople.making": "Creating…",
  "invitePeople.link": "Invite link",
  "invitePeople.copy": "Copy link",
  "invitePeople.copied": "Copied",
  "invitePeople.copyFailed": "The browser did not let it be copied. Select the link and copy it yourself.",
  "invitePeople.left": { one: "One person can use it.", other: "{count} people can use it." },

  "offline.title": "No connection to the server",
  "offline.text": "You can read and write. Messages are kept here and sent once it is back.",
  "offline.retry": "Try now",
  "signedOut.title": "This device is signed out",
  "signedOut.text": "{reason} What is stored here can still be read.",
  "signedOut.form": "Sign in again",
  "signedOut.password": "Password of {name}",
  "signedOut.go": "Sign in",
  "signedOut.going": "Signing in…",

  "toast.dismiss": "Dismiss",
  "toast.identityChanged": "The identity of {name} has changed.",
  "toast.historyBroken": "The server's record of a conversation does not add up.",

  "switcher.title": "Jump to",
  "switcher.placeholder": "A name or a command",
  "switcher.none": "Nothing fits. Try part of a name.",
  "switcher.results": { one: "One result", other: "{count} results" },
  "switcher.group.rooms": "Conversations",
  "switcher.group.commands": "Commands",

  "help.title": "Keyboard",
  "help.group.go": "Getting around",
  "help.group.write": "Writing",
  "help.group.app": "Chatalot",

  "command.switcher": "Jump to a conversation",
  "command.nextRoom": "Next conversation",
  "command.previousRoom": "Previous conversation",
  "command.nextUnread": "Next unread conversation",
  "command.markRead": "Mark as read and go to the latest message",
  "command.newMessage": "New message",
  "command.invitePeople": "Invite people",
  "command.verify": "Compare safety numbers",
  "command.help": "Show keyboard shortcuts",
  "command.theme": "Switch between light and dark",
  "command.send": "Send",
  "command.newLine": "New line",
  "command.messages": "Move between messages",

  "theme.toDark": "Use the dark look",
  "theme.toLight": "Use the light look",
  "dialog.close": "Close",
} as const satisfies Record<string, string | Plural>;

/** The forms of a text with a count, by the language's plural categories. */
export interface Plural {
  zero?: string;
  one?: string;
  two?: string;
  few?: string;
  many?: string;
  other: string;
}

export type StringKey = keyof typeof en;
/** What a language must provide. */
export type Strings = { readonly [K in StringKey]: (typeof en)[K] extends string ? string : Plural };
