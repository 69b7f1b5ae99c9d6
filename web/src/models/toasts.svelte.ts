// Short notes at the edge, and what a screen reader is told of new messages.
import type { Clock } from "./platform.ts";

export interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 8_000;

export class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  /** The last thing said; a polite live region shows it to screen readers. */
  spoken = $state("");
  #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  show(text: string): void {
    if (this.list.some((toast) => toast.text === text)) return;
    this.#last += 1;
    const id = this.#last;
    this.list = [...this.list, { id, text }];
    this.#clock.after(SHOWN_MS, () => this.dismiss(id));
  }

  dismiss(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  speak(text: string): void {
    // The same words again are only heard when the region changes.
    this.spoken = this.spoken === text ? `${text}\u00a0` : text;
  }
}
