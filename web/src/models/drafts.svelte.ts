// Unsent texts, one per conversation. They are kept by the leader in the sealed
// store, never in the page's plain storage.
import type { Bridge } from "../bridge/client.ts";
import type { Clock } from "./platform.ts";

/** While the person types, a draft is stored this long after the last key. */
const SAVE_AFTER_MS = 400;

export class Drafts {
  #texts = $state.raw<Readonly<Record<string, string>>>({});
  #bridge: Bridge;
  #clock: Clock;
  #unsaved = new Map<string, () => void>();
  /** What the tabs have in common: the draft as it was last stored or heard of. */
  #common = new Map<string, string>();
  #end: () => void;

  constructor(bridge: Bridge, clock: Clock) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#texts = bridge.state.drafts;
    this.#common = new Map(Object.entries(this.#texts));
    this.#end = bridge.listen({
      changed: (diffs) => {
        for (const diff of diffs) {
          if (diff.type === "draft" && diff.by !== bridge.view) this.#foreign(diff.conversation, diff.text, diff.was);
        }
      },
      reset: () => {
        // What this tab has not stored yet is newer than what the leader knows.
        const own = Object.fromEntries([...this.#unsaved.keys()].map((id) => [id, this.of(id)]));
        this.#texts = { ...bridge.state.drafts, ...own };
        const kept = [...this.#common].filter(([id]) => id in own);
        this.#common = new Map([...Object.entries(bridge.state.drafts), ...kept]);
      },
    });
  }

  of(conversation: string): string {
    return this.#texts[conversation] ?? "";
  }

  write(conversation: string, text: string): void {
    if (text === this.of(conversation)) return;
    this.#texts = { ...this.#texts, [conversation]: text };
    this.#unsaved.get(conversation)?.();
    this.#unsaved.set(
      conversation,
      this.#clock.after(text === "" ? 0 : SAVE_AFTER_MS, () => this.#save(conversation)),
    );
  }

  /** Stores at once what is not stored yet. */
  flush(): void {
    for (const [conversation, cancel] of [...this.#unsaved]) {
      cancel();
      this.#save(conversation);
    }
  }

  dispose(): void {
    this.flush();
    this.#end();
  }

  #save(conversation: string): void {
    this.#unsaved.delete(conversation);
    const text = this.of(conversation);
    const was = this.#common.get(conversation) ?? "";
    this.#common.set(conversation, text);
    this.#bridge.call({ type: "saveDraft", conversation, text, was }).catch(() => {
      // A draft is a convenience: it stays in this tab.
    });
  }

  /** Another tab wrote. That changes what stands here only if it is the draft
   *  that the other tab had before it: a text of this tab's own, and one that is
   *  being written, must never vanish because somebody sends elsewhere. */
  #foreign(conversation: string, text: string, was: string): void {
    const here = this.of(conversation);
    if (this.#unsaved.has(conversation) || (here !== "" && here !== was)) return;
    this.#common.set(conversation, text);
    this.#texts = { ...this.#texts, [conversation]: text };
  }
}
