// The forms that views show. They are the machine's own; views get them from
// here, because views do not know the bridge.
export type { ConversationView as RoomView, MessageRow, Person } from "../bridge/types.ts";
export type { TimelineItem } from "./history.ts";
