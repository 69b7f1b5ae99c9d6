import { expect, test } from "vitest";
import { FakeClock } from "../testing/fakes.ts";
import type { RawSocket } from "./socket.ts";
import { delay, Socket } from "./socket.ts";

function rig() {
  const clock = new FakeClock();
  const sockets: (RawSocket & { sent: Uint8Array[] })[] = [];
  const timers = new Map<number, () => void>();
  const log: string[] = [];
  let send: (frame: Uint8Array) => void = () => undefined;
  const socket = new Socket({
    connect() {
      const raw = {
        binaryType: "",
        readyState: 0,
        onopen: null,
        onmessage: null,
        onclose: null,
        sent: [] as Uint8Array[],
        send(data: Uint8Array) {
          this.sent.push(data);
        },
        close() {
          this.readyState = 3;
        },
      };
      sockets.push(raw);
      return raw;
    },
    setTimer(run, milliseconds) {
      const timer = timers.size + 1;
      timers.set(timer, clock.after(milliseconds, run));
      return timer;
    },
    clearTimer: (timer) => timers.get(timer)?.(),
    random: () => 0.5,
    opened: (line) => {
      send = line;
      log.push("opened");
    },
    received: (frame) => log.push(`received ${frame.length}`),
    lost: () => log.push("lost"),
  });
  const last = () => sockets[sockets.length - 1] as (typeof sockets)[number];
  const open = () => {
    last().readyState = 1;
    last().onopen?.();
  };
  return { clock, sockets, socket, log, last, open, send: (frame: Uint8Array) => send(frame) };
}

test("the wait grows from a quarter of a second to fifteen, and never beyond", () => {
  const longest = [0, 1, 2, 3, 10, 100].map((attempt) => delay(attempt, 1));
  expect(longest).toEqual([250, 500, 1000, 2000, 15_000, 15_000]);
  expect(delay(0, 0)).toBe(125);
});

test("a lost connection is made again after its wait", () => {
  const { socket, sockets, clock, last, open, log } = rig();
  socket.start();
  open();
  last().onclose?.({ code: 1006 });
  expect(log).toEqual(["opened", "lost"]);
  clock.advance(100);
  expect(sockets).toHaveLength(1);
  clock.advance(200);
  expect(sockets).toHaveLength(2);
});

test("the network's return does not wait", () => {
  const { socket, sockets, last } = rig();
  socket.start();
  for (let loss = 0; loss < 5; loss += 1) {
    last().onclose?.({ code: 1006 });
    socket.wake();
  }
  expect(sockets).toHaveLength(6);
  socket.wake();
  expect(sockets).toHaveLength(6);
});

test("a server that does not answer is given up", () => {
  const { socket, sockets, clock, log } = rig();
  socket.start();
  clock.advance(11_000);
  expect(log).toEqual(["lost"]);
  expect(sockets).toHaveLength(2);
});

test("what comes for an old connection goes nowhere", () => {
  const { socket, sockets, clock, open, send, last } = rig();
  socket.start();
  open();
  send(new Uint8Array(3));
  expect(last().sent).toHaveLength(1);
  last().onclose?.({ code: 1012 });
  clock.advance(5_000);
  send(new Uint8Array(3));
  expect(sockets.map((raw) => raw.sent.length)).toEqual([1, 0]);
});

test("after a stop nothing is tried any more", () => {
  const { socket, sockets, clock, open } = rig();
  socket.start();
  open();
  socket.stop();
  clock.advance(60_000);
  socket.wake();
  expect(sockets).toHaveLength(1);
});
