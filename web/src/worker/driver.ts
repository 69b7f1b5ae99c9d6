// Feeds the machine and carries out its effects. Inputs wait in one queue and
// are taken one after the other; the effects of one are carried out, in their
// order, before the next is taken. This order is what keeps the ratchet safe:
// a state is on the disk before the envelope that it made leaves, and before
// anybody is told of the message that it opened.
import type { Failure, Event, Reply } from "../bridge/types.ts";
import type { Effect, Machine, StoredRecord, Change, Query } from "./machine.ts";

/** What of the store the driver needs. */
export interface DriverStore {
  apply(changes: readonly Change[]): Promise<void>;
  query(query: Query): Promise<StoredRecord[]>;
}

export type CommandOutcome = { ok: true; reply: Reply } | { ok: false; failure: Failure };

export interface DriverParts {
  machine: Machine;
  store: DriverStore;
  closeConnection(reason: string): void;
  event(event: Event): void;
  /** An input is done with: what its events changed can be told as one. */
  settled(): void;
  /** The store or the machine failed. The machine may now be ahead of the disk:
   *  it must not be used again, but opened anew from what is stored. */
  broken(cause: unknown): void;
}

/** Sends on one connection; on that one only. */
export type Line = (frame: Uint8Array) => void;

type Input =
  | { type: "connected"; line: Line }
  | { type: "disconnected" }
  | { type: "tick" }
  | { type: "frame"; bytes: Uint8Array }
  | { type: "loaded"; load: number; records: StoredRecord[] }
  | { type: "command"; id: number; json: string };

export class Driver {
  #parts: DriverParts;
  #queue: Input[] = [];
  #working = false;
  /** The work that goes on, or the last that did. */
  #work: Promise<void> = Promise.resolve();
  #stopped = false;
  #lastCommand = 0;
  /** The connection that the machine knows of. A frame that was made for one
   *  must not leave on the next, before the machine has opened it. */
  #line: Line | null = null;
  #answers = new Map<number, (outcome: CommandOutcome) => void>();

  constructor(parts: DriverParts) {
    this.#parts = parts;
  }

  connected(line: Line): void {
    this.#submit({ type: "connected", line });
  }

  disconnected(): void {
    this.#submit({ type: "disconnected" });
  }

  frame(bytes: Uint8Array): void {
    this.#submit({ type: "frame", bytes });
  }

  tick(): void {
    // Time that has passed once need not be told twice.
    if (!this.#queue.some((input) => input.type === "tick")) this.#submit({ type: "tick" });
  }

  /** `answer` is called once, when the machine answers or the driver ends. */
  command(json: string, answer: (outcome: CommandOutcome) => void): void {
    if (this.#stopped) return answer(dropped());
    this.#lastCommand += 1;
    this.#answers.set(this.#lastCommand, answer);
    this.#submit({ type: "command", id: this.#lastCommand, json });
  }

  /** Takes no further input; open commands are answered as failed. Once the
   *  returned promise is done, nothing of this driver reaches the store. */
  stop(): Promise<void> {
    if (this.#stopped) return this.#work;
    this.#stopped = true;
    this.#queue = [];
    const answers = [...this.#answers.values()];
    this.#answers.clear();
    for (const answer of answers) answer(dropped());
    return this.#work;
  }

  #submit(input: Input): void {
    if (this.#stopped) return;
    this.#queue.push(input);
    if (!this.#working) this.#work = this.#takeAll();
  }

  async #takeAll(): Promise<void> {
    this.#working = true;
    try {
      for (let input = this.#queue.shift(); input !== undefined; input = this.#queue.shift()) {
        for (const effect of this.#handle(input)) {
          await this.#carryOut(effect);
          if (this.#stopped) return;
        }
        // What was loaded belongs to this input: it stands first in the queue.
        if (this.#queue[0]?.type !== "loaded") this.#parts.settled();
      }
    } catch (cause) {
      if (!this.#stopped) {
        void this.stop();
        this.#parts.broken(cause);
      }
    } finally {
      this.#working = false;
    }
  }

  #handle(input: Input): Effect[] {
    const { machine } = this.#parts;
    switch (input.type) {
      case "connected":
        this.#line = input.line;
        return machine.connected();
      case "disconnected":
        this.#line = null;
        return machine.disconnected();
      case "tick":
        return machine.tick();
      case "frame":
        return machine.frame(input.bytes);
      case "loaded":
        return machine.loaded(input.load, input.records);
      case "command":
        return this.#command(input.id, input.json);
    }
  }

  /** A command of another form than this machine's comes from a tab with another
   *  version of this program: that is no reason to drop the machine. */
  #command(id: number, json: string): Effect[] {
    try {
      return this.#parts.machine.command(id, json);
    } catch (cause) {
      if (cause instanceof WebAssembly.RuntimeError) throw cause;
      const failure: Failure = { code: "refused", reason: null, message: "this tab is of another version: reload it" };
      return [{ type: "answer", id, error: JSON.stringify(failure) }];
    }
  }

  async #carryOut(effect: Effect): Promise<void> {
    switch (effect.type) {
      case "persist":
        await this.#parts.store.apply(effect.changes);
        return;
      case "load": {
        const records = await this.#parts.store.query(effect.query);
        const behind = this.#queue.findIndex((input) => input.type !== "loaded");
        const at = behind === -1 ? this.#queue.length : behind;
        this.#queue.splice(at, 0, { type: "loaded", load: effect.load, records });
        return;
      }
      case "transmit":
        this.#line?.(effect.frame);
        return;
      case "answer": {
        const answer = this.#answers.get(effect.id);
        this.#answers.delete(effect.id);
        answer?.(
          effect.error === undefined
            ? { ok: true, reply: JSON.parse(effect.ok ?? "null") as Reply }
            : { ok: false, failure: JSON.parse(effect.error) as Failure },
        );
        return;
      }
      case "event":
        this.#parts.event(JSON.parse(effect.event) as Event);
        return;
      case "close":
        this.#parts.closeConnection(effect.reason);
        return;
    }
  }
}

function dropped(): CommandOutcome {
  return {
    ok: false,
    failure: { code: "store", reason: null, message: "the store of this browser failed before this was done" },
  };
}
