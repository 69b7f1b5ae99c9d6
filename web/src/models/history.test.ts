import { expect, test } from "vitest";
import { ALICE, row } from "../testing/fakes.ts";
import { itemsOf, merged, newestSeq, oldestSeq, unreadAfter } from "./history.ts";

const own = { own: true, from: ALICE } as const;
const sending = row(null, { ...own, id: "new", state: "sending" });

test("rows stand in the order of the conversation, those on their way come last", () => {
  const rows = merged([row(2), sending], [row(3), row(1)]);
  expect(rows.map((each) => each.id)).toEqual(["m1", "m2", "m3", "new"]);
});

test("a row keeps its identity from the first echo to its place", () => {
  const rows = merged([row(1), sending, row(null, { ...sending, id: "later", sentAt: sending.sentAt + 1 })], [
    row(2, { ...own, id: "new", state: "sent" }),
  ]);
  expect(rows.map((each) => [each.id, each.state])).toEqual([
    ["m1", "received"],
    ["new", "sent"],
    ["later", "sending"],
  ]);
});

test("a message that has its place never goes back to being on its way", () => {
  const sent = row(5, { ...own, id: "new", state: "sent" });
  const rows = [sent];
  expect(merged(rows, [sending])).toBe(rows);
});

test("nothing new leaves the rows as they are", () => {
  const rows = [row(1)];
  expect(merged(rows, [])).toBe(rows);
});

test("the ends of a window are counted by acknowledged rows only", () => {
  expect(newestSeq([row(4), row(5), sending])).toBe(5);
  expect(oldestSeq([row(4), row(5), sending])).toBe(4);
  expect(newestSeq([sending])).toBe(0);
  expect(oldestSeq([sending])).toBe(null);
});

test("unread are the messages of others after a place", () => {
  expect(unreadAfter([row(1), row(2), row(3, own), row(4), sending], 1)).toBe(2);
});

const shape = (items: ReturnType<typeof itemsOf>) =>
  items.map((item) =>
    item.type === "message" ? `${item.opens ? "[" : ""}${item.row.id}${item.closes ? "]" : ""}` : item.type,
  );

test("messages of one person close together are one group", () => {
  const rows = [row(1), row(2), row(3, own), row(4, own), row(5), row(20)];
  expect(shape(itemsOf(rows, null, false))).toEqual(["top", "date", "[m1", "m2]", "[m3", "m4]", "[m5]", "[m20]"]);
});

test("each day has its header, and begins a group", () => {
  const day = 86_400_000;
  const rows = [row(1), row(2, { sentAt: row(1).sentAt + day }), row(3, { sentAt: row(1).sentAt + day + 1 })];
  expect(shape(itemsOf(rows, null, true))).toEqual(["top", "date", "[m1]", "date", "[m2", "m3]"]);
});

test("the divider stands before the first unread message of somebody else, once", () => {
  const rows = [row(1), row(2), row(3, own), row(4), row(5)];
  const items = itemsOf(rows, 2, false);
  expect(shape(items)).toEqual(["top", "date", "[m1", "m2]", "[m3]", "unread", "[m4", "m5]"]);
  expect(items.find((item) => item.type === "unread")).toMatchObject({ count: 2 });
});

test("there is no divider when only own messages are new", () => {
  expect(shape(itemsOf([row(1), row(2, own), sending], 1, false))).not.toContain("unread");
});

test("no two items share an id, whatever the dates are", () => {
  const day = 86_400_000;
  const back = [row(1), row(2, { sentAt: row(1).sentAt + day }), row(3, { sentAt: row(1).sentAt })];
  const ids = itemsOf(back, 1, true).map((item) => item.id);
  expect(new Set(ids).size).toBe(ids.length);
});
