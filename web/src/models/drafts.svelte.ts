// Unsent texts, one per conversation. They are kept by the leader in the sealed
// store, never in the page's plain storage.
import type { Bridge } from "../bridge/client.ts";
import type { Attention } from "./attention.svelte.ts";
import type { Clock } from "./platform.ts";

/** While the person types, a draft is stored this long after the last key. */
const SAVE_AFTER_MS = 400;

export class Drafts {
  #texts = $state.raw<Readonly<Record<string, string>>>({});
  #bridge: Bridge;
  #clock: Clock;
  #attention: Attention;
  #unsaved = new Map<string, () => void>();
  #end: () => void;

  constructor(bridge: Bridge, clock: Clock, attention: Attention) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#attention = attention;
    this.#texts = bridge.state.drafts;
    this.#end = bridge.listen({
      changed: (diffs) => {
        for (const diff of diffs) {
          if (diff.type === "draft" && diff.by !== bridge.view) this.#foreign(diff.conversation, diff.text);
        }
      },
      reset: () => {
        // What this tab has not stored yet is newer than what the leader knows.
        const own = Object.fromEntries([...this.#unsaved.keys()].map((id) => [id, this.of(id)]));
        this.#texts = { ...bridge.state.drafts, ...own };
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
    this.#bridge.call({ type: "saveDraft", conversation, text }).catch(() => {
      // A draft is a convenience: it stays in this tab.
    });
  }

  /** Another tab wrote: it wins, unless the person is writing here. */
  #foreign(conversation: string, text: string): void {
    if (this.#unsaved.has(conversation)) return;
    if (this.#attention.active && text !== "" && this.of(conversation) !== "") return;
    this.#texts = { ...this.#texts, [conversation]: text };
  }
}
