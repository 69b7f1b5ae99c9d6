// The worker that every tab starts. It waits for the lock that one of them
// holds at a time; the holder leads until its tab is gone, and then the browser
// hands the lock to the next. A browser does not freeze a page that holds a
// lock, so a leader in the background goes on.
import type { Channel } from "../bridge/messages.ts";
import { CHANNEL, LOCK } from "../bridge/messages.ts";
import { randomHex } from "../bridge/random.ts";
import { Leader } from "./leader.ts";
import { loadMachine } from "./machine.ts";
import { SealedStore } from "./sealed_store.ts";
import type { RawSocket } from "./socket.ts";

const SUBPROTOCOL = "chatalot.v1";

function lead(): Promise<never> {
  const socketUrl = new URL("/api/v1/socket", self.location.origin);
  socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
  const leader = new Leader({
    channel: new BroadcastChannel(CHANNEL) as unknown as Channel,
    epoch: randomHex(8),
    openStore: () => SealedStore.open(indexedDB),
    loadMachine,
    fetch: (path, init) => fetch(path, init),
    serverUrl: self.location.origin,
    socket: {
      connect: () => new WebSocket(socketUrl, SUBPROTOCOL) as unknown as RawSocket,
      setTimer: (run, milliseconds) => self.setTimeout(run, milliseconds),
      clearTimer: (timer) => self.clearTimeout(timer),
      // Only spreads reconnections: nothing secret hangs on it.
      random: () => Math.random(),
    },
    everySecond: (run) => void self.setInterval(run, 1_000),
    log: (message, cause) => console.error(message, cause),
  });
  void leader.lead();
  // The lock is held for as long as this promise is open: for the worker's life.
  return new Promise<never>(() => undefined);
}

void navigator.locks.request(LOCK, lead);
