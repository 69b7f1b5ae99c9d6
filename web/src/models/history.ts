// The pure part of a timeline: rows in order, and the items that are shown for
// them. Rows are keyed by an id that stays the same from the first echo on.
import type { MessageRow } from "../bridge/types.ts";
import { daysBetween } from "../strings/index.ts";

/** Messages of one person this close together are one group. */
const GROUP_MS = 5 * 60_000;

/** What a timeline shows, from the oldest to the newest. Dividers are items
 *  like messages, so that one list holds every position. */
export type TimelineItem =
  /** The upper end: more is there, or it is the beginning. */
  | { type: "top"; id: "top"; more: boolean }
  | { type: "date"; id: string; at: number }
  | { type: "unread"; id: "unread"; count: number }
  | { type: "message"; id: string; row: MessageRow; opens: boolean; closes: boolean };

/** Whether `next` may take the place of `known`: a row that has its place in
 *  the conversation never goes back to being on its way. */
function advances(known: MessageRow, next: MessageRow): boolean {
  return !(known.seq !== null && next.seq === null);
}

function before(left: MessageRow, right: MessageRow): number {
  if (left.seq !== null && right.seq !== null) return left.seq - right.seq;
  if (left.seq !== null) return -1;
  if (right.seq !== null) return 1;
  return left.sentAt - right.sentAt;
}

/** The rows with others taken in: each id once, acknowledged ones in their
 *  order, then those that are on their way. Returns the same array when nothing
 *  changes. */
export function merged(rows: readonly MessageRow[], incoming: readonly MessageRow[]): readonly MessageRow[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  let changed = false;
  for (const row of incoming) {
    const known = byId.get(row.id);
    if (known !== undefined && !advances(known, row)) continue;
    byId.set(row.id, row);
    changed = true;
  }
  return changed ? [...byId.values()].sort(before) : rows;
}

/** The highest place that is among the rows; 0 when none has one. */
export function newestSeq(rows: readonly MessageRow[]): number {
  return rows.reduce((newest, row) => Math.max(newest, row.seq ?? 0), 0);
}

/** The lowest place that is among the rows. */
export function oldestSeq(rows: readonly MessageRow[]): number | null {
  return rows.reduce<number | null>((oldest, row) => {
    if (row.seq === null) return oldest;
    return oldest === null ? row.seq : Math.min(oldest, row.seq);
  }, null);
}

/** How many messages of others stand after a place. */
export function unreadAfter(rows: readonly MessageRow[], seq: number): number {
  return rows.filter((row) => !row.own && row.seq !== null && row.seq > seq).length;
}

function sameGroup(left: MessageRow, right: MessageRow): boolean {
  return (
    left.from.account === right.from.account &&
    Math.abs(right.sentAt - left.sentAt) < GROUP_MS &&
    daysBetween(left.sentAt, right.sentAt) === 0
  );
}

/** What is shown for the rows. `divider` is the place after which messages are
 *  marked as new; null for no mark. */
export function itemsOf(rows: readonly MessageRow[], divider: number | null, more: boolean): TimelineItem[] {
  const items: TimelineItem[] = [{ type: "top", id: "top", more }];
  let previous: MessageRow | null = null;
  let marked = divider === null;
  for (const row of rows) {
    const newDay = previous === null || daysBetween(previous.sentAt, row.sentAt) !== 0;
    if (newDay) {
      items.push({ type: "date", id: `date:${row.id}`, at: row.sentAt });
    }
    let newMark = false;
    if (!marked && divider !== null && !row.own && row.seq !== null && row.seq > divider) {
      items.push({ type: "unread", id: "unread", count: unreadAfter(rows, divider) });
      marked = true;
      newMark = true;
    }
    const opens = newDay || newMark || previous === null || !sameGroup(previous, row);
    const last = items[items.length - 1];
    if (!opens && last?.type === "message") last.closes = false;
    items.push({ type: "message", id: row.id, row, opens, closes: true });
    previous = row;
  }
  return items;
}
