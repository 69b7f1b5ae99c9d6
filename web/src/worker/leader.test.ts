import { expect, test, vi } from "vitest";
import type { BridgeMessage, Channel, ToViews } from "../bridge/messages.ts";
import { conversation, ROOM, row, settled } from "../testing/fakes.ts";
import { Leader } from "./leader.ts";
import type { Change, Effect, Machine, StoredRecord } from "./machine.ts";

const DEVICE: StoredRecord = { table: "device", key: new Uint8Array([1]), value: new Uint8Array([1]) };
const RENEWED: StoredRecord = { table: "device", key: new Uint8Array([1]), value: new Uint8Array([2]) };
const me = { type: "whoAmI", account: "a", device: "d", name: "alice", server: "https://chat.test" };

function rig(stored: StoredRecord[], answers: Record<string, (id: number, command: never) => Effect[]> = {}) {
  const told: ToViews[] = [];
  const channel: Channel = {
    onmessage: null,
    postMessage: (message: BridgeMessage) => {
      if (message.to === "views") told.push(structuredClone(message));
    },
    close: () => undefined,
  };
  const records = [...stored];
  let full = false;
  const store = {
    all: async (tables: readonly string[]) => records.filter((record) => tables.includes(record.table)),
    query: async () => [],
    async apply(changes: readonly Change[]) {
      if (full) throw new Error("the disk is full");
      for (const { table, key, value } of changes) if (value !== null) records.push({ table, key, value });
    },
  };
  const opened = vi.fn();
  const opening = { socket: 0 };
  const signInAgain = vi.fn((): Change[] => [RENEWED]);
  const machine = (): Machine => ({
    connected: () => [],
    disconnected: () => [],
    frame: () => [],
    loaded: () => [],
    tick: () => [],
    free: () => undefined,
    command(id, json) {
      const command = JSON.parse(json) as { type: string };
      const own = answers[command.type];
      if (own !== undefined) return own(id, command as never);
      const reply =
        command.type === "whoAmI" ? me : command.type === "conversations" ? { type: command.type, conversations: [conversation()] } : { type: "done" };
      return [{ type: "answer", id, ok: JSON.stringify(reply) }];
    },
  });
  const fetch = vi.fn(async () => new Response('{"name":"alice"}', { status: 201 }));
  const leader = new Leader({
    channel,
    epoch: "e1",
    openStore: async () => store,
    loadMachine: async () => ({
      openMachine(found) {
        opened(found);
        return machine();
      },
      beginRegistration: () => ({
        request: () => "{}",
        finish: () => [DEVICE],
        free: () => undefined,
      }),
      signInAgain,
    }),
    fetch,
    serverUrl: "https://chat.test",
    socket: {
      connect() {
        opening.socket += 1;
        return { binaryType: "", readyState: 0, onopen: null, onmessage: null, onclose: null, send: () => undefined, close: () => undefined };
      },
      setTimer: () => 0,
      clearTimer: () => undefined,
      random: () => 0,
    },
    everySecond: () => undefined,
    log: () => undefined,
  });
  const say = (message: BridgeMessage) => channel.onmessage?.({ data: message });
  const ask = (call: number, request: Extract<BridgeMessage, { type: "call" }>["request"]) =>
    say({ to: "leader", type: "call", view: "v1", call, request });
  const answer = (call: number) => told.find((message) => message.type === "answer" && message.call === call);
  return { leader, told, say, ask, answer, opened, fetch, fill: () => (full = true), records, signInAgain, opening };
}

const lastPhase = (told: ToViews[]) =>
  told
    .flatMap((message) => (message.type === "batch" ? message.diffs : []))
    .findLast((diff) => diff.type === "phase");

test("it says that it leads before anything else, and numbers its batches without a gap", async () => {
  const { leader, told } = rig([DEVICE]);
  await leader.lead();
  await settled();
  expect(told[0]).toMatchObject({ type: "leading", epoch: "e1" });
  const numbers = told.flatMap((message) => (message.type === "batch" ? [message.sequence] : []));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(lastPhase(told)).toMatchObject({ phase: { type: "ready" } });
});

test("without a device there is no machine, and commands say so", async () => {
  const { leader, told, ask, answer, opened } = rig([]);
  await leader.lead();
  expect(opened).not.toHaveBeenCalled();
  expect(lastPhase(told)).toMatchObject({ phase: { type: "noAccount" } });
  ask(1, { type: "command", command: { type: "sync" } });
  await settled();
  expect(answer(1)).toMatchObject({ outcome: { ok: false, failure: { code: "no_account" } } });
});

test("calls that come while it opens are answered once it is open", async () => {
  const { leader, ask, answer } = rig([DEVICE]);
  const leading = leader.lead();
  ask(1, { type: "command", command: { type: "sync" } });
  expect(answer(1)).toBeUndefined();
  await leading;
  await settled();
  expect(answer(1)).toMatchObject({ outcome: { ok: true } });
});

test("the same call twice is done once", async () => {
  const sync = vi.fn((id: number): Effect[] => [{ type: "answer", id, ok: '{"type":"synced"}' }]);
  const { leader, ask } = rig([DEVICE], { sync });
  await leader.lead();
  ask(1, { type: "command", command: { type: "sync" } });
  ask(1, { type: "command", command: { type: "sync" } });
  await settled();
  expect(sync).toHaveBeenCalledOnce();
});

test("views hear what an answer is about before the answer", async () => {
  const event: Effect = { type: "event", event: JSON.stringify({ type: "message", row: row(1) }) };
  const { leader, ask, told } = rig([DEVICE], { sync: (id) => [event, { type: "answer", id, ok: '{"type":"synced"}' }] });
  await leader.lead();
  ask(7, { type: "command", command: { type: "sync" } });
  await settled();
  const row1 = told.findIndex((message) => message.type === "batch" && message.diffs.some((diff) => diff.type === "row"));
  const answered = told.findIndex((message) => message.type === "answer" && message.call === 7);
  expect(row1).toBeGreaterThan(0);
  expect(answered).toBeGreaterThan(row1);
});

test("a snapshot is the sum of all batches", async () => {
  const { leader, say, told } = rig([DEVICE]);
  await leader.lead();
  await settled();
  say({ to: "leader", type: "hello", view: "v9" });
  expect(told[told.length - 1]).toMatchObject({
    type: "snapshot",
    view: "v9",
    state: { phase: { type: "ready" }, me: { name: "alice" }, conversations: [{ id: ROOM }] },
  });
});

test("registering makes a device, once", async () => {
  const { leader, ask, answer, told, opened, fetch } = rig([]);
  await leader.lead();
  const register = { type: "register", name: "alice", password: "long enough", inviteCode: "c" } as const;
  ask(1, register);
  ask(2, register);
  await settled();
  await settled();
  expect(answer(1)).toMatchObject({ outcome: { ok: true, value: { name: "alice" } } });
  expect(answer(2)).toMatchObject({ outcome: { ok: false, failure: { code: "account_exists" } } });
  expect(fetch).toHaveBeenCalledOnce();
  expect(opened).toHaveBeenCalledOnce();
  expect(lastPhase(told)).toMatchObject({ phase: { type: "ready" } });
});

test("what the server refuses at registration comes back with its code, and nothing is stored", async () => {
  const { leader, ask, answer, fetch, records } = rig([]);
  fetch.mockResolvedValue(new Response('{"code":"name_taken"}', { status: 409 }));
  await leader.lead();
  ask(1, { type: "register", name: "alice", password: "long enough", inviteCode: "c" });
  await settled();
  await settled();
  expect(answer(1)).toMatchObject({ outcome: { ok: false, failure: { code: "refused", reason: "name_taken" } } });
  expect(records).toEqual([]);
});

const SIGNED_OUT: Effect = { type: "event", event: JSON.stringify({ type: "signedOut", reason: "It ended." }) };
const ends = { sync: (id: number): Effect[] => [SIGNED_OUT, { type: "answer", id, ok: '{"type":"synced"}' }] };
const signedOut = (told: ToViews[]) =>
  told.flatMap((message) => (message.type === "batch" ? message.diffs : [])).filter((diff) => diff.type === "signedOut");

test("a browser that was signed out signs in again, stores the session and goes online with a new machine", async () => {
  const { leader, told, ask, answer, opened, fetch, records, signInAgain, opening } = rig([DEVICE], ends);
  await leader.lead();
  ask(1, { type: "command", command: { type: "sync" } });
  await settled();
  expect(opening.socket).toBe(1);
  ask(2, { type: "signIn", password: "long enough" });
  // What is asked meanwhile waits for the new machine.
  for (let turn = 0; turn < 4; turn += 1) await Promise.resolve();
  ask(3, { type: "command", command: { type: "conversations" } });
  await settled();
  await settled();
  await settled();
  expect(answer(2)).toMatchObject({ outcome: { ok: true, value: { name: "alice" } } });
  expect(answer(3)).toMatchObject({ outcome: { ok: true } });
  const [path, init] = fetch.mock.calls[0] as unknown as [string, RequestInit];
  expect(path).toBe("/api/v1/sessions");
  expect(JSON.parse(String(init.body))).toEqual({ name: "alice", password: "long enough", device_id: "d" });
  expect(signInAgain).toHaveBeenCalledWith([DEVICE], '{"name":"alice"}');
  expect(records).toContainEqual(RENEWED);
  expect(opened).toHaveBeenCalledTimes(2);
  expect(opened).toHaveBeenLastCalledWith([DEVICE, RENEWED]);
  expect(opening.socket).toBe(2);
  expect(signedOut(told).map(({ reason }) => reason)).toEqual(["It ended.", null]);
});

test("a wrong password changes nothing: the machine stays, and so does what is stored", async () => {
  const { leader, told, ask, answer, opened, fetch, records, opening } = rig([DEVICE], ends);
  await leader.lead();
  ask(1, { type: "command", command: { type: "sync" } });
  await settled();
  fetch.mockResolvedValue(new Response('{"code":"wrong_credentials"}', { status: 401 }));
  ask(2, { type: "signIn", password: "not this one" });
  await settled();
  await settled();
  expect(answer(2)).toMatchObject({ outcome: { ok: false, failure: { code: "refused", reason: "wrong_credentials" } } });
  expect([opened.mock.calls.length, opening.socket]).toEqual([1, 1]);
  expect(records).toEqual([DEVICE]);
  expect(signedOut(told)).toHaveLength(1);
});

test("an answer about another device is refused, and the old machine's store is opened again", async () => {
  const { leader, told, ask, answer, opened, records, signInAgain } = rig([DEVICE], ends);
  await leader.lead();
  signInAgain.mockImplementation(() => {
    throw new Error("the server's answer is about another account");
  });
  ask(1, { type: "signIn", password: "long enough" });
  await settled();
  await settled();
  await settled();
  expect(answer(1)).toMatchObject({ outcome: { ok: false, failure: { code: "internal" } } });
  expect(opened).toHaveBeenCalledTimes(2);
  expect(records).toEqual([DEVICE]);
  expect(lastPhase(told)).toMatchObject({ phase: { type: "ready" } });
});

test("who signs in twice at once still has one machine at a time", async () => {
  const { leader, ask, answer, opened, opening } = rig([DEVICE], ends);
  await leader.lead();
  ask(1, { type: "signIn", password: "long enough" });
  ask(2, { type: "signIn", password: "long enough" });
  for (let turn = 0; turn < 6; turn += 1) await settled();
  expect([answer(1), answer(2)]).toMatchObject([{ outcome: { ok: true } }, { outcome: { ok: true } }]);
  expect([opened.mock.calls.length, opening.socket]).toEqual([3, 3]);
});

test("when the store fails the machine is opened anew from it, and given up after three times", async () => {
  const persist: Effect = { type: "persist", changes: [{ ...DEVICE }] };
  const { leader, ask, answer, opened, fill, told } = rig([DEVICE], { sync: () => [persist] });
  await leader.lead();
  await settled();
  fill();
  for (const call of [1, 2, 3]) {
    ask(call, { type: "command", command: { type: "sync" } });
    await settled();
    await settled();
    expect(answer(call)).toMatchObject({ outcome: { ok: false, failure: { code: "store" } } });
  }
  expect(opened).toHaveBeenCalledTimes(3);
  expect(lastPhase(told)).toMatchObject({ phase: { type: "broken", part: "store" } });
});

test("a draft is kept sealed with the rest, and told to the other tabs", async () => {
  const { leader, ask, records, told } = rig([DEVICE]);
  await leader.lead();
  ask(1, { type: "saveDraft", conversation: ROOM, text: "half a thought", was: "" });
  await settled();
  expect(records.some((record) => record.table === "draft")).toBe(true);
  const diffs = told.flatMap((message) => (message.type === "batch" ? message.diffs : []));
  expect(diffs).toContainEqual({ type: "draft", conversation: ROOM, text: "half a thought", was: "", by: "v1" });
});
