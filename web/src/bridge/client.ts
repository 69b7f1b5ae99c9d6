// A view's end of the bridge. It follows the leader's numbered batches, asks
// for a snapshot after a gap, and asks again what the last leader left
// unanswered. It never decides what a change means: models do.
import type {
  BridgeFailure,
  Channel,
  Diff,
  Replies,
  Request,
  SharedState,
  ToLeader,
  ToViews,
} from "./messages.ts";
import { applied, unknownState } from "./messages.ts";
import type { Command, Reply } from "./types.ts";

/** What went wrong with a request, as an error that can be thrown. */
export class RequestError extends Error {
  constructor(readonly failure: BridgeFailure) {
    super(failure.message);
    this.name = "RequestError";
  }
}

/** Who wants to hear of changes. */
export interface Listener {
  /** Steps, after `bridge.state` has taken them. */
  changed?(diffs: readonly Diff[]): void;
  /** Steps may have been missed: `bridge.state` is the whole truth now. */
  reset?(): void;
}

/** What models see of the bridge. */
export interface Bridge {
  readonly view: string;
  readonly state: SharedState;
  call<R extends Request>(request: R): Promise<Replies[R["type"]]>;
  command<T extends Reply["type"]>(command: Command, reply: T): Promise<Extract<Reply, { type: T }>>;
  /** Ends with the returned function. */
  listen(listener: Listener): () => void;
  /** Tells the leader not to wait with reconnecting. */
  wake(): void;
}

interface Waiting {
  request: Request;
  resolve(value: never): void;
  reject(error: RequestError): void;
}

/** Epochs of former leaders that are still known as such. Messages of a leader
 *  that has just gone may arrive after the first of its successor. */
const FORMER_EPOCHS = 16;

export class BridgeClient implements Bridge {
  readonly view: string;
  #channel: Channel;
  #state = unknownState();
  #epoch: string | null = null;
  #former: string[] = [];
  /** The last batch taken; null while waiting for a snapshot. */
  #sequence: number | null = null;
  #waiting = new Map<number, Waiting>();
  #lastCall = 0;
  #listeners = new Set<Listener>();

  constructor(channel: Channel, view: string) {
    this.#channel = channel;
    this.view = view;
    channel.onmessage = ({ data }) => {
      if (data.to === "views") this.#take(data);
    };
    this.#tell({ to: "leader", type: "hello", view });
  }

  get state(): SharedState {
    return this.#state;
  }

  call<R extends Request>(request: R): Promise<Replies[R["type"]]> {
    this.#lastCall += 1;
    const call = this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { request, resolve, reject });
      this.#tell({ to: "leader", type: "call", view: this.view, call, request });
    });
  }

  async command<T extends Reply["type"]>(command: Command, reply: T): Promise<Extract<Reply, { type: T }>> {
    const answer = await this.call({ type: "command", command });
    if (answer.type !== reply) {
      throw new RequestError({ code: "internal", reason: null, message: `expected ${reply}, got ${answer.type}` });
    }
    return answer as Extract<Reply, { type: T }>;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  wake(): void {
    this.#tell({ to: "leader", type: "wake" });
  }

  /** Ends it; calls that wait stay unanswered. */
  dispose(): void {
    this.#listeners.clear();
    this.#channel.close();
  }

  #tell(message: ToLeader): void {
    this.#channel.postMessage(message);
  }

  #take(message: ToViews): void {
    if (this.#former.includes(message.epoch)) return;
    if (message.epoch !== this.#epoch) {
      this.#follow(message.epoch);
      // A snapshot that is for this view is what a new leader is asked for.
      if (message.type !== "snapshot" || message.view !== this.view) {
        this.#tell({ to: "leader", type: "hello", view: this.view });
      }
    }
    switch (message.type) {
      case "leading":
        return;
      case "answer":
        if (message.view === this.view) this.#answer(message);
        return;
      case "snapshot":
        if (message.view !== this.view) return;
        this.#sequence = message.sequence;
        this.#state = message.state;
        for (const listener of this.#listeners) listener.reset?.();
        return;
      case "batch":
        if (this.#sequence === null || message.sequence <= this.#sequence) return;
        if (message.sequence !== this.#sequence + 1) {
          // Something was lost on the way: only the whole is true now.
          this.#sequence = null;
          this.#tell({ to: "leader", type: "hello", view: this.view });
          return;
        }
        this.#sequence = message.sequence;
        this.#state = message.diffs.reduce(applied, this.#state);
        for (const listener of this.#listeners) listener.changed?.(message.diffs);
        return;
    }
  }

  /** A new leader: it knows neither this view nor what this view asked. */
  #follow(epoch: string): void {
    if (this.#epoch !== null) {
      this.#former.push(this.#epoch);
      if (this.#former.length > FORMER_EPOCHS) this.#former.shift();
    }
    const first = this.#epoch === null;
    this.#epoch = epoch;
    this.#sequence = null;
    for (const [call, waiting] of [...this.#waiting]) {
      if (!first && waiting.request.type === "register") {
        // A registration draws fresh keys each time: a second one would take
        // the same name and be refused for a reason nobody could understand.
        this.#waiting.delete(call);
        waiting.reject(
          new RequestError({ code: "interrupted", reason: null, message: "the tab that registered was closed" }),
        );
        continue;
      }
      this.#tell({ to: "leader", type: "call", view: this.view, call, request: waiting.request });
    }
  }

  #answer(message: Extract<ToViews, { type: "answer" }>): void {
    const waiting = this.#waiting.get(message.call);
    if (waiting === undefined) return;
    this.#waiting.delete(message.call);
    if (message.outcome.ok) waiting.resolve(message.outcome.value as never);
    else waiting.reject(new RequestError(message.outcome.failure));
  }
}
