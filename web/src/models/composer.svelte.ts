// What is being written in one conversation, and whether it may be sent.
import { t } from "../strings/index.ts";
import type { Drafts } from "./drafts.svelte.ts";
import { TEXT_MAX_BYTES } from "./failure.ts";
import type { Rooms } from "./rooms.svelte.ts";
import type { Session } from "./session.svelte.ts";
import type { Timeline } from "./timeline.svelte.ts";

export interface ComposerParts {
  drafts: Drafts;
  rooms: Rooms;
  session: Session;
  timeline: Timeline;
}

export class Composer {
  #parts: ComposerParts;
  readonly conversation: string;

  text = $derived.by(() => this.#parts.drafts.of(this.conversation));
  #excess = $derived(new TextEncoder().encode(this.text.trim()).length - TEXT_MAX_BYTES);
  /** Why nothing can be written here, as a sentence. */
  closed = $derived.by(() => {
    if (this.#parts.session.signedOut !== null) return t("composer.closed.signedOut");
    if (this.#parts.rooms.find(this.conversation)?.identityChanged) return t("composer.closed.identity");
    return null;
  });
  /** What is wrong with the text. */
  problem = $derived(this.#excess > 0 ? t("composer.tooLong", { count: this.#excess }) : null);
  sendable = $derived(this.closed === null && this.problem === null && this.text.trim() !== "");

  constructor(parts: ComposerParts) {
    this.#parts = parts;
    this.conversation = parts.timeline.conversation;
  }

  write(text: string): void {
    this.#parts.drafts.write(this.conversation, text);
  }

  send(): void {
    if (!this.sendable) return;
    const text = this.text.trim();
    this.#parts.drafts.write(this.conversation, "");
    this.#parts.timeline.send(text);
  }
}
