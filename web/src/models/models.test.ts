import { beforeEach, expect, test, vi } from "vitest";
import { BridgeClient } from "../bridge/client.ts";
import type { SharedState } from "../bridge/messages.ts";
import { conversation, fakeAddress, FakeClock, FakeLeader, fakePlatform, ROOM, row, settled } from "../testing/fakes.ts";
import { App } from "./app.svelte.ts";
import { Commands } from "./commands.svelte.ts";
import { Drafts } from "./drafts.svelte.ts";
import { sentence } from "./failure.ts";
import { readInviteLink } from "./invite_link.ts";
import { matches } from "./keys.ts";
import { isEmojiOnly, safeAddress } from "./markdown.ts";
import { Rooms } from "./rooms.svelte.ts";
import { routeOf } from "./router.svelte.ts";
import { Session } from "./session.svelte.ts";
import { SignIn } from "./sign_in.svelte.ts";
import { fit } from "./switcher.svelte.ts";
import { Theme } from "./theme.svelte.ts";

let leader: FakeLeader;
let bridge: BridgeClient;
let clock: FakeClock;

beforeEach(() => {
  leader = new FakeLeader();
  bridge = new BridgeClient(leader.channel(), "v1");
  clock = new FakeClock();
});

const snapshot = (state: Partial<SharedState>, sequence = 0) => leader.snapshot("v1", "e1", sequence, state);
const OTHER = "dd".repeat(16);

test("conversations stand newest first, and their unread messages add up", () => {
  snapshot({
    conversations: [
      conversation({ unread: 2, last: row(1, { sentAt: 1 }) }),
      conversation({ id: OTHER, unread: 3, last: row(1, { sentAt: 2 }) }),
    ],
  });
  const rooms = new Rooms(bridge);
  expect(rooms.list.map((room) => room.id)).toEqual([OTHER, ROOM]);
  expect(rooms.unread).toBe(5);
  leader.tell({
    to: "views",
    type: "batch",
    epoch: "e1",
    sequence: 1,
    diffs: [{ type: "conversation", conversation: conversation({ unread: 0, last: row(2, { sentAt: 3 }) }) }],
  });
  expect(rooms.list.map((room) => room.id)).toEqual([ROOM, OTHER]);
  expect(rooms.unread).toBe(3);
});

test("next and previous go round, next unread skips what was read", () => {
  const rooms = [1, 2, 3].map((at) =>
    conversation({ id: String(at).repeat(32), unread: at === 1 ? 1 : 0, last: row(1, { sentAt: 10 - at }) }),
  );
  snapshot({ conversations: rooms });
  const model = new Rooms(bridge);
  const id = (at: number) => String(at).repeat(32);
  expect(model.beside(id(3), 1)?.id).toBe(id(1));
  expect(model.beside(id(1), -1)?.id).toBe(id(3));
  expect(model.beside(null, 1)?.id).toBe(id(1));
  expect(model.nextUnread(id(2))?.id).toBe(id(1));
  expect(model.nextUnread(id(1))).toBe(null);
});

test("being marked as read is said once per place, and again when it failed", async () => {
  snapshot({ conversations: [conversation({ headSeq: 4, readSeq: 1 })] });
  const rooms = new Rooms(bridge);
  rooms.markRead(ROOM, 1);
  expect(leader.calls()).toHaveLength(0);
  rooms.markRead(ROOM, 4);
  rooms.markRead(ROOM, 4);
  expect(leader.calls()).toHaveLength(1);
  const failure = { code: "store", reason: null, message: "" } as const;
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call: 1, outcome: { ok: false, failure } });
  await settled();
  rooms.markRead(ROOM, 4);
  expect(leader.calls()).toHaveLength(2);
});

test("a short loss of the connection is not mentioned, a long one is", () => {
  const ready = { phase: { type: "ready" } } as const;
  snapshot({ ...ready, link: "online" });
  const session = new Session(bridge, clock, fakePlatform(clock).settings);
  const link = (sequence: number, link: "online" | "offline") =>
    leader.tell({ to: "views", type: "batch", epoch: "e1", sequence, diffs: [{ type: "link", link }] });
  link(1, "offline");
  clock.advance(1_000);
  link(2, "online");
  clock.advance(5_000);
  expect(session.offline).toBe(false);
  link(3, "offline");
  clock.advance(3_000);
  expect(session.offline).toBe(true);
  link(4, "online");
  expect(session.offline).toBe(false);
});

test("keys that went missing are told from never having been", () => {
  const { settings } = fakePlatform(clock);
  const session = new Session(bridge, clock, settings);
  snapshot({ phase: { type: "noAccount" } });
  expect(session.lostName).toBe(null);
  snapshot({ phase: { type: "ready" }, me: { account: "", device: "", name: "alice", server: "" } });
  snapshot({ phase: { type: "noAccount" } });
  expect(session.lostName).toBe("alice");
});

test("the way back in asks for a password, says what was wrong with it, and forgets it once it is in", async () => {
  snapshot({ phase: { type: "ready" }, signedOut: "It ended." });
  const session = new Session(bridge, clock, fakePlatform(clock).settings);
  const model = new SignIn(bridge);
  await model.submit();
  expect(model.error).not.toBe(null);
  expect(leader.calls()).toHaveLength(0);
  model.writePassword("not this one");
  expect(model.error).toBe(null);
  void model.submit();
  void model.submit();
  expect(model.busy).toBe(true);
  expect(leader.calls().map(({ request }) => request)).toEqual([{ type: "signIn", password: "not this one" }]);
  const failure = { code: "refused", reason: "wrong_credentials", message: "" } as const;
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call: 1, outcome: { ok: false, failure } });
  await settled();
  expect(model).toMatchObject({ busy: false, error: expect.stringContaining("password") });
  expect(session.signedOut).toBe("It ended.");
  void model.submit();
  leader.tell({ to: "views", type: "batch", epoch: "e1", sequence: 1, diffs: [{ type: "signedOut", reason: null }] });
  const outcome = { ok: true, value: { name: "alice" } } as const;
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call: 2, outcome });
  await settled();
  expect(model).toMatchObject({ busy: false, error: null, password: "" });
  expect(session.signedOut).toBe(null);
});

test("a draft is stored a moment after the last key, and at once when it is emptied", () => {
  snapshot({});
  const drafts = new Drafts(bridge, clock);
  drafts.write(ROOM, "h");
  clock.advance(300);
  drafts.write(ROOM, "hi");
  clock.advance(300);
  expect(leader.calls()).toHaveLength(0);
  clock.advance(200);
  expect(leader.last(() => true).request).toEqual({ type: "saveDraft", conversation: ROOM, text: "hi", was: "" });
  drafts.write(ROOM, "");
  clock.advance(0);
  expect(leader.last(() => true).request).toMatchObject({ text: "" });
});

test("a draft is per conversation, comes back with the snapshot, and what is being typed wins", () => {
  snapshot({ drafts: { [ROOM]: "stored", [OTHER]: "other" } });
  const drafts = new Drafts(bridge, clock);
  expect([drafts.of(ROOM), drafts.of(OTHER)]).toEqual(["stored", "other"]);
  drafts.write(ROOM, "typing");
  snapshot({ drafts: { [ROOM]: "stored", [OTHER]: "newer" } }, 1);
  expect([drafts.of(ROOM), drafts.of(OTHER)]).toEqual(["typing", "newer"]);
});

test("a draft that another tab has sent is gone here too", () => {
  snapshot({ drafts: { [ROOM]: "same text" } });
  const drafts = new Drafts(bridge, clock);
  const diff = { type: "draft", conversation: ROOM, text: "", was: "same text", by: "v2" } as const;
  leader.tell({ to: "views", type: "batch", epoch: "e1", sequence: 1, diffs: [diff] });
  expect(drafts.of(ROOM)).toBe("");
});

test("what was written here does not vanish because another tab sends its own text", () => {
  snapshot({});
  const drafts = new Drafts(bridge, clock);
  drafts.write(ROOM, "written here");
  clock.advance(1_000);
  const sent = { type: "draft", conversation: ROOM, text: "", was: "written there", by: "v2" } as const;
  leader.tell({ to: "views", type: "batch", epoch: "e1", sequence: 1, diffs: [sent] });
  expect(drafts.of(ROOM)).toBe("written here");
});

test("sending empties the draft, keeps the text, and is closed while an identity is in doubt", async () => {
  snapshot({
    phase: { type: "ready" },
    me: { account: "a1", device: "d", name: "alice", server: "https://chat.test" },
    conversations: [conversation()],
  });
  const app = new App(bridge, { ...fakePlatform(clock), address: fakeAddress("/") }, new Theme(fakePlatform(clock).settings, "light"));
  const room = app.openRoom(ROOM);
  if (room === null) throw new Error("the room does not open");
  const { call } = leader.last(({ type }) => type === "command");
  const value = { type: "timeline", rows: [], more: false } as const;
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call, outcome: { ok: true, value: { ...value, rows: [] } } });
  await settled();
  expect(room.composer.sendable).toBe(false);
  room.composer.write("  hello\nthere ");
  room.composer.send();
  expect(room.composer.text).toBe("");
  expect(room.timeline.rows[0]).toMatchObject({ text: "hello\nthere", state: "sending" });
  room.composer.write("x".repeat(60 * 1024 + 1));
  expect(room.composer.problem).toContain("1");
  snapshot({ phase: { type: "ready" }, conversations: [conversation({ identityChanged: true })] }, 1);
  room.composer.write("hello");
  expect(room.composer.closed).not.toBe(null);
  expect(room.composer.sendable).toBe(false);
  app.dispose();
});

test("the title counts what is unread", () => {
  const platform = fakePlatform(clock);
  const app = new App(bridge, platform, new Theme(platform.settings, "light"));
  expect(app.title).toBe("Chatalot");
  snapshot({ phase: { type: "ready" }, conversations: [conversation({ unread: 3 })] });
  expect(app.title).toBe("(3) Chatalot");
  app.go(ROOM);
  expect(app.title).toBe("(3) bob – Chatalot");
  app.dispose();
});

test("no two commands share their keys", () => {
  const command = { title: "command.help", group: "app", palette: "listed", run: () => undefined } as const;
  expect(() => new Commands([{ id: "a", keys: ["mod+k"], ...command }, { id: "b", keys: ["mod+k"], ...command }])).toThrow();
});

const press = (key: string, held: ("ctrlKey" | "metaKey" | "altKey" | "shiftKey")[] = []) => ({
  ...{ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false },
  ...Object.fromEntries(held.map((name) => [name, true])),
});

test.each([
  ["mod+k", press("k", ["ctrlKey"]), true],
  ["mod+k", press("k"), false],
  ["mod+k", press("k", ["ctrlKey", "altKey"]), false],
  ["mod+/", press("/", ["ctrlKey"]), true],
  ["mod+/", press("/", ["ctrlKey", "shiftKey"]), true],
  ["alt+ArrowDown", press("ArrowDown", ["altKey"]), true],
  ["alt+ArrowDown", press("ArrowDown", ["altKey", "shiftKey"]), false],
  ["alt+shift+ArrowDown", press("ArrowDown", ["altKey", "shiftKey"]), true],
])("%s and %o", (shortcut, pressed, expected) => expect(matches(shortcut, pressed, false)).toBe(expected));

test.each([
  ["https://chat.test/invite/AbC-123_x", { type: "invite", code: "AbC-123_x" }],
  ["  https://chat.test/invite/AbC-123_x/\n", { type: "invite", code: "AbC-123_x" }],
  ["chat.test/invite/AbCd", { type: "invite", code: "AbCd" }],
  ["AbC-123_x", { type: "invite", code: "AbC-123_x" }],
  ["https://other.test/invite/AbCd", { type: "otherServer", host: "other.test" }],
  ["https://chat.test/", { type: "none" }],
  ["hello there", { type: "none" }],
  ["", { type: "none" }],
])("the pasted %j is read", (pasted, expected) =>
  expect(readInviteLink(pasted, "https://chat.test")).toEqual(expected));

test.each([
  ["/", { name: "home" }],
  ["/invite/abc", { name: "invite", code: "abc" }],
  ["/invite/%E0%A4%A", { name: "invite", code: "%E0%A4%A" }],
  [`/chat/${ROOM}`, { name: "room", conversation: ROOM }],
  ["/chat/nonsense", { name: "home" }],
])("the path %s leads somewhere", (path, expected) => expect(routeOf(path)).toEqual(expected));

test.each(["javascript:alert(1)", "data:text/html,x", "//host", "/path", "vbscript:x", " javascript:x"])(
  "%j does not become a link",
  (address) => expect(safeAddress(address)).toBe(null),
);

test("links to pages and mail are links", () => {
  expect(safeAddress("https://example.org/a?b")).toBe("https://example.org/a?b");
  expect(safeAddress("mailto:a@example.org")).toBe("mailto:a@example.org");
});

test.each([
  ["🎉", true],
  ["👍🏽 ❤️", true],
  ["hi 🎉", false],
  ["12", false],
])("%j is emoji alone: %s", (text, expected) => expect(isEmojiOnly(text)).toBe(expected));

test("the start of a name fits better than its middle, and letters in order still fit", () => {
  expect(fit("bob", "bo")).toBe(0);
  expect(fit("anna.bo", "bo")).toBe(1);
  expect(fit("carbon", "bo")).toBe(2);
  expect(fit("carol", "crl")).toBe(3);
  expect(fit("carol", "x")).toBe(null);
});

test("a code that this version does not know still makes a sentence", () => {
  const text = sentence({ code: "refused", reason: "brand_new_code", message: "" });
  expect(text).toContain("brand_new_code");
  expect(text).toMatch(/[.)]$/);
});

test("the look follows the system until somebody chooses", () => {
  const settings = { get: () => null, set: vi.fn() };
  const theme = new Theme(settings, "dark");
  expect(theme.look).toBe("dark");
  theme.toggle();
  expect(theme.look).toBe("light");
  theme.system = "light";
  theme.toggle();
  theme.toggle();
  expect(settings.set).toHaveBeenLastCalledWith("chatalot.look", null);
});
