// The JSON forms of the client machine: what can be asked of it, what it
// answers, what it tells. They are made from the Rust types by `cargo xtask gen
// ts`; everything here imports them from this file only.
export type {
  Command,
  ConversationView,
  Event,
  Failure,
  FailureCode,
  MessageRow,
  Person,
  Reply,
  RowState,
} from "./generated/machine.ts";
