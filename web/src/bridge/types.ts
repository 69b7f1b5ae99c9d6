// The JSON forms of the client machine: what can be asked of it, what it
// answers, what it tells. They are made from the Rust types by `cargo xtask gen
// ts`; the page imports them from here only.
export type Command =
  | { type: "openDirect"; name: string }
  | { type: "conversations" }
  | { type: "send"; conversation: string; messageId: string; text: string }
  | { type: "timeline"; conversation: string; before: number | null; after: number | null; limit: number }
  | { type: "sync" }
  | { type: "safetyNumber"; account: string }
  | { type: "createInvite"; uses: number }
  | { type: "whoAmI" }
  | { type: "retry"; messageId: string }
  | { type: "markRead"; conversation: string; seq: number };

export type Reply =
  | { type: "conversation"; conversation: ConversationView }
  | { type: "conversations"; conversations: ConversationView[] }
  | { type: "sent"; conversation: string; messageId: string; seq: number; at: number }
  | { type: "timeline"; rows: MessageRow[]; more: boolean }
  | { type: "synced" }
  | { type: "safetyNumber"; digits: string }
  | { type: "invite"; url: string; code: string; uses: number }
  | { type: "whoAmI"; account: string; device: string; name: string; server: string }
  | { type: "done" };

export type FailureCode =
  | "offline"
  | "refused"
  | "person_not_found"
  | "unknown_conversation"
  | "unknown_message"
  | "text_length"
  | "not_verified"
  | "identity_changed"
  | "signed_out"
  | "superseded"
  | "store";

export interface Failure {
  code: FailureCode;
  /** The server's error code, when it was the server that refused. */
  reason: string | null;
  message: string;
}

export interface Person {
  account: string;
  name: string;
}

export type RowState = "sending" | "sent" | "failed" | "received" | "unreadable";

export interface MessageRow {
  /** The message id: the same from the first echo on. */
  id: string;
  conversation: string;
  /** Its place; none while it is on its way. */
  seq: number | null;
  /** Milliseconds since 1970. */
  sentAt: number;
  from: Person;
  own: boolean;
  kind: "text" | "unreadable";
  text: string;
  state: RowState;
  reason: string | null;
}

export interface ConversationView {
  id: string;
  kind: "direct";
  title: string;
  peer: Person;
  headSeq: number;
  readSeq: number;
  unread: number;
  last: MessageRow | null;
  identityChanged: boolean;
}

export type Event =
  | { type: "message"; row: MessageRow }
  | { type: "conversation"; conversation: ConversationView }
  | { type: "online" }
  | { type: "identityChanged"; account: string; name: string }
  | { type: "historyBroken"; conversation: string; message: string }
  | { type: "signedOut"; reason: string };
