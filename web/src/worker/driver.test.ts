import { expect, test, vi } from "vitest";
import { settled } from "../testing/fakes.ts";
import type { DriverStore } from "./driver.ts";
import { Driver } from "./driver.ts";
import type { Effect, Machine } from "./machine.ts";

/** A machine that answers each input as the test says, and a log of all that
 *  happens in the order in which it happens. */
function rig(effects: Partial<Record<keyof Machine, (argument: never) => Effect[]>>) {
  const log: string[] = [];
  const input =
    (name: keyof Machine) =>
    (...given: unknown[]): Effect[] => {
      log.push(`in:${name}`);
      return effects[name]?.(given[0] as never) ?? [];
    };
  const machine: Machine = {
    connected: input("connected"),
    disconnected: input("disconnected"),
    frame: input("frame"),
    loaded: input("loaded"),
    command: input("command"),
    tick: input("tick"),
    free: () => undefined,
  };
  const gate = { open: Promise.resolve() };
  const store: DriverStore = {
    async apply(changes) {
      log.push("persist:begin");
      await gate.open;
      if (changes[0]?.table === "full") throw new Error("the disk is full");
      log.push("persist:end");
    },
    async query() {
      await Promise.resolve();
      log.push("query");
      return [];
    },
  };
  const broken = vi.fn();
  const driver = new Driver({
    machine,
    store,
    closeConnection: (reason) => log.push(`close:${reason}`),
    event: (event) => log.push(`event:${event.type}`),
    settled: () => log.push("settled"),
    broken,
  });
  const line = () => log.push("transmit");
  return { driver, log, broken, gate, line, machine };
}

const change = { table: "message", key: new Uint8Array(1), value: new Uint8Array(1) };
const persist: Effect = { type: "persist", changes: [change] };
const transmit: Effect = { type: "transmit", frame: new Uint8Array(1) };
const online: Effect = { type: "event", event: '{"type":"online"}' };

test("who stops it can wait until nothing more of it reaches the store", async () => {
  const { driver, log, gate } = rig({ frame: () => [persist, online, persist] });
  let open = () => {};
  gate.open = new Promise((resolve) => (open = resolve));
  driver.frame(new Uint8Array(1));
  void driver.stop().then(() => log.push("stopped"));
  await settled();
  expect(log).toEqual(["in:frame", "persist:begin"]);
  open();
  await settled();
  expect(log).toEqual(["in:frame", "persist:begin", "persist:end", "stopped"]);
});

test("nothing leaves and nothing is told before it is stored", async () => {
  const { driver, log, line } = rig({ frame: () => [persist, transmit, online] });
  driver.connected(line);
  driver.frame(new Uint8Array(1));
  await settled();
  expect(log.slice(2)).toEqual(["in:frame", "persist:begin", "persist:end", "transmit", "event:online", "settled"]);
});

test("an input waits until the effects of the one before are carried out", async () => {
  const { driver, log, gate } = rig({ frame: () => [persist, online] });
  let release: () => void = () => undefined;
  gate.open = new Promise((resolve) => (release = resolve));
  driver.frame(new Uint8Array(1));
  driver.tick();
  await settled();
  expect(log).toEqual(["in:frame", "persist:begin"]);
  release();
  await settled();
  expect(log).toEqual([
    "in:frame",
    "persist:begin",
    "persist:end",
    "event:online",
    "settled",
    "in:tick",
    "settled",
  ]);
});

test("what was loaded is handed back before any other input, and after the effects beside it", async () => {
  const load: Effect = { type: "load", load: 1, query: { table: "session", keys: [] } };
  const { driver, log } = rig({ frame: () => [load, online], loaded: () => [persist] });
  driver.frame(new Uint8Array(1));
  driver.tick();
  await settled();
  expect(log).toEqual([
    "in:frame",
    "query",
    "event:online",
    "in:loaded",
    "persist:begin",
    "persist:end",
    "settled",
    "in:tick",
    "settled",
  ]);
});

test("two loads of one input come back in their order", async () => {
  const load = (id: number): Effect => ({ type: "load", load: id, query: { table: "session", keys: [] } });
  const came: number[] = [];
  const { driver } = rig({
    frame: () => [load(1), load(2)],
    loaded: (id: number) => {
      came.push(id);
      return [];
    },
  });
  driver.frame(new Uint8Array(1));
  await settled();
  expect(came).toEqual([1, 2]);
});

test("a frame for a lost connection does not leave on the next one", async () => {
  const { driver, log, gate, line } = rig({ frame: () => [persist, transmit] });
  driver.connected(line);
  await settled();
  let release: () => void = () => undefined;
  gate.open = new Promise((resolve) => (release = resolve));
  driver.frame(new Uint8Array(1));
  const second: string[] = [];
  driver.disconnected();
  driver.connected(() => second.push("transmit"));
  release();
  await settled();
  expect(second).toEqual([]);
  expect(log.filter((entry) => entry === "transmit")).toHaveLength(1);
});

test("a store that fails ends the machine, and nothing of it leaves any more", async () => {
  const full: Effect = { type: "persist", changes: [{ ...change, table: "full" }] };
  const { driver, log, broken, line } = rig({ command: () => [full, transmit] });
  driver.connected(line);
  const answer = vi.fn();
  driver.command("{}", answer);
  driver.tick();
  await settled();
  expect(broken).toHaveBeenCalledOnce();
  expect(answer).toHaveBeenCalledWith({ ok: false, failure: expect.objectContaining({ code: "store" }) });
  expect(log).not.toContain("transmit");
  expect(log).not.toContain("in:tick");
  driver.frame(new Uint8Array(1));
  await settled();
  expect(log).not.toContain("in:frame");
});

test("each command gets its own answer, whatever the order", async () => {
  const waiting: number[] = [];
  const { driver } = rig({
    command: (id: number) => {
      waiting.push(id);
      return [];
    },
    tick: () =>
      [...waiting].reverse().map((id): Effect => ({ type: "answer", id, ok: JSON.stringify({ type: "done", id }) })),
  });
  const answers: unknown[] = [];
  driver.command('{"type":"sync"}', (outcome) => answers.push(["first", outcome]));
  driver.command('{"type":"whoAmI"}', (outcome) => answers.push(["second", outcome]));
  await settled();
  driver.tick();
  await settled();
  expect(answers).toEqual([
    ["second", { ok: true, reply: { type: "done", id: 2 } }],
    ["first", { ok: true, reply: { type: "done", id: 1 } }],
  ]);
});

test("a command that the machine does not know is refused, and the machine goes on", async () => {
  const { driver, broken, log } = rig({
    command: () => {
      throw new Error("unknown variant");
    },
  });
  const answer = vi.fn();
  driver.command("{}", answer);
  await settled();
  expect(answer).toHaveBeenCalledWith({ ok: false, failure: expect.objectContaining({ code: "refused" }) });
  expect(broken).not.toHaveBeenCalled();
  driver.tick();
  await settled();
  expect(log).toContain("in:tick");
});
