// What travels between the leading worker and the views of every tab, over one
// BroadcastChannel. The leader tells everybody the same numbered batches of
// changes; questions and answers bear the name of the view that asked.
//
// To add something that views ask for: a variant of Request and its entry in
// Replies here, and a case in worker/leader.ts.
import type { Command, ConversationView, Failure, MessageRow, Reply } from "./types.ts";

/** The channel that all tabs of this origin share. */
export const CHANNEL = "chatalot-bridge";
/** Whoever holds this lock drives the one machine of this browser profile. */
export const LOCK = "chatalot-machine";

/** Whether this browser has a device, and whether its machine runs. */
export type Phase =
  | { type: "starting" }
  | { type: "noAccount" }
  | { type: "ready" }
  | { type: "broken"; part: "store" | "machine"; detail: string };

/** Whether the leader's socket is usable. */
export type Link = "connecting" | "online" | "offline";

/** Who this browser speaks for. */
export type Me = Omit<Extract<Reply, { type: "whoAmI" }>, "type">;

/** All that every view shows in common; timelines are asked for one by one. */
export interface SharedState {
  phase: Phase;
  me: Me | null;
  link: Link;
  /** Why the session ended on the server, when it did. */
  signedOut: string | null;
  conversations: ConversationView[];
  /** Unsent texts by conversation. */
  drafts: Record<string, string>;
}

/** One step of the shared state. */
export type Diff =
  | { type: "phase"; phase: Phase }
  | { type: "me"; me: Me }
  | { type: "link"; link: Link }
  /** Null: there is a session again. */
  | { type: "signedOut"; reason: string | null }
  | { type: "conversation"; conversation: ConversationView }
  | { type: "row"; row: MessageRow }
  /** `was` is the draft that this one takes the place of, as its writer knew it. */
  | { type: "draft"; conversation: string; text: string; was: string; by: string }
  | { type: "identityChanged"; account: string; name: string }
  | { type: "historyBroken"; conversation: string; message: string };

export interface InviteInfo {
  serverName: string;
  invitedBy: string | null;
  usesLeft: number;
}

/** What a view can ask of the leader. */
export type Request =
  | { type: "command"; command: Command }
  | { type: "register"; name: string; password: string; inviteCode: string }
  /** A new session for the device of this browser. */
  | { type: "signIn"; password: string }
  | { type: "inviteInfo"; code: string }
  | { type: "saveDraft"; conversation: string; text: string; was: string };

/** What each request is answered with. */
export interface Replies {
  command: Reply;
  register: { name: string };
  signIn: { name: string };
  inviteInfo: InviteInfo;
  saveDraft: null;
}

/** Failures that the bridge adds to the machine's own. */
export type BridgeFailureCode =
  | Failure["code"]
  /** There is no account in this browser. */
  | "no_account"
  /** There is one already: one browser profile is one device. */
  | "account_exists"
  /** The leader changed while it worked on something that must not run twice. */
  | "interrupted"
  /** A defect of this program. */
  | "internal";

export interface BridgeFailure {
  code: BridgeFailureCode;
  reason: string | null;
  message: string;
}

export type Outcome =
  | { ok: true; value: Replies[keyof Replies] }
  | { ok: false; failure: BridgeFailure };

/** From a view to whoever leads. */
export type ToLeader =
  | { to: "leader"; type: "hello"; view: string }
  | { to: "leader"; type: "call"; view: string; call: number; request: Request }
  /** The person came back, or the network did: do not wait to reconnect. */
  | { to: "leader"; type: "wake" };

/** From the leader to the views. `epoch` names one term of one leader. */
export type ToViews =
  | { to: "views"; type: "leading"; epoch: string }
  | { to: "views"; type: "batch"; epoch: string; sequence: number; diffs: Diff[] }
  | { to: "views"; type: "snapshot"; epoch: string; view: string; sequence: number; state: SharedState }
  | { to: "views"; type: "answer"; epoch: string; view: string; call: number; outcome: Outcome };

export type BridgeMessage = ToLeader | ToViews;

/** A BroadcastChannel, or what tests put in its place. */
export interface Channel {
  postMessage(message: BridgeMessage): void;
  onmessage: ((event: { data: BridgeMessage }) => void) | null;
  close(): void;
}

/** The state before anything is known. */
export function unknownState(): SharedState {
  return { phase: { type: "starting" }, me: null, link: "connecting", signedOut: null, conversations: [], drafts: {} };
}

/** The state after a step; the given one stays as it was. */
export function applied(state: SharedState, diff: Diff): SharedState {
  switch (diff.type) {
    case "phase":
      return { ...state, phase: diff.phase };
    case "me":
      return { ...state, me: diff.me };
    case "link":
      return { ...state, link: diff.link };
    case "signedOut":
      return { ...state, signedOut: diff.reason };
    case "conversation": {
      const others = state.conversations.filter((known) => known.id !== diff.conversation.id);
      return { ...state, conversations: [...others, diff.conversation] };
    }
    case "draft": {
      const others = Object.entries(state.drafts).filter(([conversation]) => conversation !== diff.conversation);
      if (diff.text !== "") others.push([diff.conversation, diff.text]);
      return { ...state, drafts: Object.fromEntries(others) };
    }
    case "row":
    case "identityChanged":
    case "historyBroken":
      return state;
  }
}
