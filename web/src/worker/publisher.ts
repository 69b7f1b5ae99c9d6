// What the leader tells the views: numbered batches of changes, a snapshot to
// whoever asks. One batch per input of the machine, so that a view never shows
// half of what happened.
import type { Channel, Diff, Outcome, SharedState, ToViews } from "../bridge/messages.ts";
import { applied, unknownState } from "../bridge/messages.ts";

/** Answered calls that are remembered, so that a call that a view sends twice
 *  in one term is done once. */
const REMEMBERED_CALLS = 1024;

export class Publisher {
  readonly epoch: string;
  #channel: Channel;
  #state: SharedState = unknownState();
  #sequence = 0;
  #pending: Diff[] = [];
  #seen = new Set<string>();

  constructor(channel: Channel, epoch: string) {
    this.#channel = channel;
    this.epoch = epoch;
  }

  get state(): SharedState {
    return this.#state;
  }

  /** Tells every view that there is a new leader. */
  lead(): void {
    this.#tell({ to: "views", type: "leading", epoch: this.epoch });
  }

  /** Takes a change; views hear of it with the next flush. */
  add(diff: Diff): void {
    this.#state = applied(this.#state, diff);
    this.#pending.push(diff);
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    this.#sequence += 1;
    const diffs = this.#pending;
    this.#pending = [];
    this.#tell({ to: "views", type: "batch", epoch: this.epoch, sequence: this.#sequence, diffs });
  }

  snapshot(view: string): void {
    this.flush();
    this.#tell({
      to: "views",
      type: "snapshot",
      epoch: this.epoch,
      view,
      sequence: this.#sequence,
      state: this.#state,
    });
  }

  /** What an answer is about must be known before the answer. */
  answer(view: string, call: number, outcome: Outcome): void {
    this.flush();
    this.#tell({ to: "views", type: "answer", epoch: this.epoch, view, call, outcome });
  }

  /** Whether this call is heard of for the first time in this term. */
  first(view: string, call: number): boolean {
    const name = `${view}:${call}`;
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    if (this.#seen.size > REMEMBERED_CALLS) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
    return true;
  }

  #tell(message: ToViews): void {
    this.#channel.postMessage(message);
  }
}
