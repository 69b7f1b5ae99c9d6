import { beforeEach, expect, test, vi } from "vitest";
import { BridgeClient } from "../bridge/client.ts";
import type { BridgeFailureCode, Diff, Request } from "../bridge/messages.ts";
import type { Command, ConversationView, MessageRow, Reply } from "../bridge/types.ts";
import { ALICE, conversation, FakeClock, FakeLeader, fakePlatform, ROOM, row, settled } from "../testing/fakes.ts";
import { Attention } from "./attention.svelte.ts";
import { Rooms } from "./rooms.svelte.ts";
import { Timeline } from "./timeline.svelte.ts";

const me = { ...ALICE, device: "d0".repeat(16), server: "https://chat.test" };
let leader: FakeLeader;
let bridge: BridgeClient;
let attention: Attention;
let rooms: Rooms;
let sequence: number;
const arrived = vi.fn();

function started(room: Partial<ConversationView> = {}): Timeline {
  leader.snapshot("v1", "e1", sequence, { conversations: [conversation(room)] });
  rooms = new Rooms(bridge);
  return new Timeline(ROOM, { bridge, platform: fakePlatform(new FakeClock()), rooms, attention, me, arrived });
}

function asked<T extends Command["type"]>(type: T) {
  const fits = (request: Request) => request.type === "command" && request.command.type === type;
  const { call, request } = leader.last(fits);
  if (request.type !== "command") throw new Error("not a command");
  return { call, command: request.command as Extract<Command, { type: T }> };
}

function count(type: Command["type"]): number {
  return leader.calls().filter(({ request }) => request.type === "command" && request.command.type === type).length;
}

async function answer(call: number, value: Reply, epoch = "e1") {
  leader.tell({ to: "views", type: "answer", epoch, view: "v1", call, outcome: { ok: true, value } });
  await settled();
}

async function refuse(call: number, code: BridgeFailureCode) {
  const failure = { code, reason: null, message: "" };
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call, outcome: { ok: false, failure } });
  await settled();
}

function tell(...diffs: Diff[]) {
  sequence += 1;
  leader.tell({ to: "views", type: "batch", epoch: "e1", sequence, diffs });
}

async function opened(rows: MessageRow[], room: Partial<ConversationView> = {}, more = false) {
  const timeline = started(room);
  await answer(asked("timeline").call, { type: "timeline", rows, more });
  return timeline;
}

beforeEach(() => {
  leader = new FakeLeader();
  bridge = new BridgeClient(leader.channel(), "v1");
  attention = new Attention();
  sequence = 0;
  arrived.mockClear();
});

test("it opens with the newest page, far enough up to hold the first unread message", () => {
  started({ unread: 70, headSeq: 100, readSeq: 30 });
  expect(asked("timeline").command).toMatchObject({ before: null, after: null, limit: 80 });
});

test("an own message is shown at once, and takes its place when it is acknowledged", async () => {
  const timeline = await opened([row(1)]);
  timeline.send("hello");
  const shown = timeline.rows[1];
  expect(shown).toMatchObject({ text: "hello", own: true, state: "sending", seq: null });
  const { call, command } = asked("send");
  expect(command).toEqual({ type: "send", conversation: ROOM, messageId: shown?.id, text: "hello" });
  await answer(call, { type: "sent", conversation: ROOM, messageId: command.messageId, seq: 2, at: 9_000_000_000_000 });
  expect(timeline.rows).toHaveLength(2);
  expect(timeline.rows[1]).toMatchObject({ id: shown?.id, state: "sent", seq: 2, sentAt: 9_000_000_000_000 });
});

test("the machine's echo of an own message is the same row", async () => {
  const timeline = await opened([]);
  timeline.send("hello");
  const id = timeline.rows[0]?.id ?? "";
  tell({ type: "row", row: row(null, { id, own: true, from: ALICE, state: "sending", text: "hello" }) });
  expect(timeline.rows).toHaveLength(1);
});

test("a message that fails says why, and is tried again under its own id", async () => {
  const timeline = await opened([]);
  timeline.send("hello");
  const id = timeline.rows[0]?.id ?? "";
  await refuse(asked("send").call, "store");
  expect(timeline.rows[0]).toMatchObject({ state: "failed", reason: expect.stringContaining("disk space") });
  void timeline.retry(id);
  expect(timeline.rows[0]).toMatchObject({ state: "sending", reason: null });
  expect(asked("retry").command.messageId).toBe(id);
  await refuse(asked("retry").call, "unknown_message");
  expect(count("send")).toBe(2);
  expect(asked("send").command.messageId).toBe(id);
});

test("a failure that comes after the acknowledgement changes nothing", async () => {
  const timeline = await opened([]);
  timeline.send("hello");
  const id = timeline.rows[0]?.id ?? "";
  tell({ type: "row", row: row(1, { id, own: true, from: ALICE, state: "sent" }) });
  await refuse(asked("send").call, "store");
  expect(timeline.rows[0]?.state).toBe("sent");
});

test("what is read in view is marked as read once", async () => {
  const room = { headSeq: 2, readSeq: 1, unread: 1 };
  await opened([row(1), row(2)], room);
  expect(asked("markRead").command).toMatchObject({ conversation: ROOM, seq: 2 });
  expect(count("markRead")).toBe(1);
  tell({ type: "row", row: row(3) }, { type: "conversation", conversation: conversation({ ...room, headSeq: 3 }) });
  expect(count("markRead")).toBe(2);
});

test("nothing is read in a tab that nobody looks at, until somebody does", async () => {
  attention.set(false);
  const timeline = await opened([row(1)], { headSeq: 1 });
  tell({ type: "row", row: row(2) }, { type: "conversation", conversation: conversation({ headSeq: 2, unread: 1 }) });
  expect(count("markRead")).toBe(0);
  expect(timeline.divider).toBe(1);
  attention.set(true);
  expect(asked("markRead").command.seq).toBe(2);
  expect(timeline.divider).toBe(1);
});

test("who reads further up is not taken away from there, and is told what came", async () => {
  const timeline = await opened([row(1)]);
  timeline.atBottom = false;
  tell({ type: "row", row: row(2) });
  tell({ type: "row", row: row(3) });
  expect(timeline.below).toBe(2);
  expect(timeline.divider).toBe(1);
  const wanted = timeline.latestWanted;
  timeline.finish();
  expect(timeline.latestWanted).toBe(wanted + 1);
  expect(timeline.below).toBe(0);
  expect(timeline.divider).toBe(null);
});

test("new messages of others are announced once, own ones and changes of old ones not", async () => {
  const timeline = await opened([row(1)]);
  tell({ type: "row", row: row(2) });
  tell({ type: "row", row: row(2, { text: "changed" }) });
  tell({ type: "row", row: row(3, { own: true, from: ALICE, state: "sent" }) });
  expect(arrived).toHaveBeenCalledTimes(1);
  expect(timeline.rows).toHaveLength(3);
});

test("rows of other conversations are not taken", async () => {
  const timeline = await opened([row(1)]);
  tell({ type: "row", row: row(2, { conversation: "dd".repeat(16) }) });
  expect(timeline.rows).toHaveLength(1);
});

test("older pages are put before, one at a time, until there are none", async () => {
  const timeline = await opened([row(5), row(6)], {}, true);
  void timeline.loadOlder();
  void timeline.loadOlder();
  expect(count("timeline")).toBe(2);
  expect(asked("timeline").command).toMatchObject({ before: 5, after: null });
  await answer(asked("timeline").call, { type: "timeline", rows: [row(3), row(4)], more: false });
  expect(timeline.rows.map((each) => each.seq)).toEqual([3, 4, 5, 6]);
  expect(timeline.grewUp).toBe(true);
  void timeline.loadOlder();
  expect(count("timeline")).toBe(2);
  tell({ type: "row", row: row(7) });
  expect(timeline.grewUp).toBe(false);
});

test("an older page that fails can be asked for again", async () => {
  const timeline = await opened([row(5)], {}, true);
  void timeline.loadOlder();
  await refuse(asked("timeline").call, "store");
  expect(timeline.state).toBe("olderFailed");
  void timeline.loadOlder();
  expect(count("timeline")).toBe(3);
});

test("after a snapshot everything that was missed is fetched, without a hole", async () => {
  const timeline = await opened([row(1), row(2)]);
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  leader.snapshot("v1", "e2", 0, { conversations: [conversation()] });
  expect(asked("timeline").command).toMatchObject({ before: null, after: 2 });
  await answer(asked("timeline").call, { type: "timeline", rows: [row(3), row(4)], more: true }, "e2");
  expect(asked("timeline").command).toMatchObject({ after: 4 });
  await answer(asked("timeline").call, { type: "timeline", rows: [row(5)], more: false }, "e2");
  expect(timeline.rows.map((each) => each.seq)).toEqual([1, 2, 3, 4, 5]);
});

test("a message on its way when the leader goes is sent once more, and shown once", async () => {
  const timeline = await opened([]);
  timeline.send("hello");
  const first = asked("send");
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  const second = asked("send");
  expect(count("send")).toBe(2);
  expect(second.command).toEqual(first.command);
  const sent = { type: "sent", conversation: ROOM, messageId: first.command.messageId, seq: 1, at: 1 } as const;
  await answer(second.call, sent, "e2");
  expect(timeline.rows).toHaveLength(1);
  expect(timeline.rows[0]?.state).toBe("sent");
});

test("after its end it takes nothing more", async () => {
  const timeline = await opened([row(1)]);
  timeline.dispose();
  tell({ type: "row", row: row(2) });
  expect(timeline.rows).toHaveLength(1);
});
