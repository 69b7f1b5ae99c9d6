// Stand-ins for tests: a clock that moves by hand, a channel between a view and
// a leader that can lose messages, a browser without a page.
import type { BridgeMessage, Channel, Request, SharedState, ToLeader, ToViews } from "../bridge/messages.ts";
import { unknownState } from "../bridge/messages.ts";
import type { ConversationView, MessageRow } from "../bridge/types.ts";
import type { Address, Clock, Platform } from "../models/platform.ts";

export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = Date.UTC(2026, 3, 3, 12)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((left, right) => left.at - right.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.run();
    }
    this.#now = until;
  }
}

/** A leader of which the test plays the part. */
export class FakeLeader {
  readonly heard: ToLeader[] = [];
  #views: Channel[] = [];

  channel(): Channel {
    const channel: Channel = {
      onmessage: null,
      postMessage: (message: BridgeMessage) => {
        if (message.to === "leader") this.heard.push(message);
      },
      close: () => {
        this.#views = this.#views.filter((other) => other !== channel);
      },
    };
    this.#views.push(channel);
    return channel;
  }

  tell(message: ToViews): void {
    for (const view of this.#views) view.onmessage?.({ data: structuredClone(message) });
  }

  snapshot(view: string, epoch: string, sequence: number, state: Partial<SharedState> = {}): void {
    this.tell({ to: "views", type: "snapshot", epoch, view, sequence, state: { ...unknownState(), ...state } });
  }

  calls(): Extract<ToLeader, { type: "call" }>[] {
    return this.heard.filter((message) => message.type === "call");
  }

  /** The latest call whose request fits. */
  last(fits: (request: Request) => boolean): Extract<ToLeader, { type: "call" }> {
    const call = this.calls().findLast(({ request }) => fits(request));
    if (call === undefined) throw new Error("nobody asked for that");
    return call;
  }

  hellos(): number {
    return this.heard.filter((message) => message.type === "hello").length;
  }
}

export function fakePlatform(clock: Clock): Platform & { copied: string[] } {
  const stored = new Map<string, string>();
  const copied: string[] = [];
  let drawn = 0;
  return {
    copied,
    clock,
    settings: {
      get: (name) => stored.get(name) ?? null,
      set: (name, value) => void (value === null ? stored.delete(name) : stored.set(name, value)),
    },
    address: fakeAddress("/"),
    randomHex(bytes) {
      drawn += 1;
      return drawn.toString(16).padStart(bytes * 2, "0");
    },
    copy: async (text) => void copied.push(text),
    keepStorage: () => undefined,
    reload: () => undefined,
  };
}

export function fakeAddress(path: string): Address {
  let now = path;
  return {
    get path() {
      return now;
    },
    origin: "https://chat.test",
    push: (next) => void (now = next),
    replace: (next) => void (now = next),
    onchange: () => () => undefined,
  };
}

export const ALICE = { account: "a1".repeat(16), name: "alice" };
export const BOB = { account: "b0".repeat(16), name: "bob" };
export const ROOM = "cc".repeat(16);

export function row(seq: number | null, more: Partial<MessageRow> = {}): MessageRow {
  return {
    id: `m${seq ?? "?"}`,
    conversation: ROOM,
    seq,
    sentAt: Date.UTC(2026, 3, 3, 10) + (seq ?? 500) * 60_000,
    from: BOB,
    own: false,
    kind: "text",
    text: `text ${seq}`,
    state: "received",
    reason: null,
    ...more,
  };
}

export function conversation(more: Partial<ConversationView> = {}): ConversationView {
  return {
    id: ROOM,
    kind: "direct",
    title: BOB.name,
    peer: BOB,
    headSeq: 0,
    readSeq: 0,
    unread: 0,
    last: null,
    identityChanged: false,
    ...more,
  };
}

/** Lets everything that waits on promises go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
