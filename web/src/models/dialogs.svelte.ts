// The windows that lie over the conversation; at most one is open.
import type { Bridge } from "../bridge/client.ts";
import type { ConversationView, Person } from "../bridge/types.ts";
import { t } from "../strings/index.ts";
import { failureOf, sentence } from "./failure.ts";
import type { Platform } from "./platform.ts";

/** Finds a person by exact name and opens the conversation with them. */
export class NewMessage {
  name = $state("");
  busy = $state(false);
  error = $state<string | null>(null);
  #bridge: Bridge;
  #ownName: string;
  #opened: (conversation: ConversationView) => void;

  constructor(bridge: Bridge, ownName: string, opened: (conversation: ConversationView) => void) {
    this.#bridge = bridge;
    this.#ownName = ownName;
    this.#opened = opened;
  }

  async submit(): Promise<void> {
    const name = this.name.trim().replace(/^@/, "");
    if (this.busy) return;
    if (name === "") {
      this.error = t("error.name_missing");
      return;
    }
    if (name.toLowerCase() === this.#ownName) {
      this.error = t("error.self");
      return;
    }
    this.busy = true;
    this.error = null;
    try {
      const { conversation } = await this.#bridge.command({ type: "openDirect", name }, "conversation");
      this.#opened(conversation);
    } catch (cause) {
      const failure = failureOf(cause);
      this.error = sentence(failure, name);
    } finally {
      this.busy = false;
    }
  }
}

/** Says "Copied" for a moment. */
const COPIED_MS = 2_000;

/** Copies a text and says so. */
export class Copying {
  copied = $state(false);
  failed = $state(false);
  #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  async copy(text: string): Promise<void> {
    try {
      await this.#platform.copy(text);
      this.failed = false;
      this.copied = true;
      this.#platform.clock.after(COPIED_MS, () => (this.copied = false));
    } catch {
      this.failed = true;
    }
  }
}

/** The most people that one link may let in from this window. */
export const USES_MAX = 50;

/** Makes an invite link. */
export class InvitePeople {
  uses = $state(1);
  busy = $state(false);
  error = $state<string | null>(null);
  link = $state.raw<{ url: string; uses: number } | null>(null);
  readonly copying: Copying;
  #bridge: Bridge;

  constructor(bridge: Bridge, platform: Platform) {
    this.#bridge = bridge;
    this.copying = new Copying(platform);
  }

  async make(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.error = null;
    try {
      const uses = Math.min(USES_MAX, Math.max(1, Math.round(this.uses) || 1));
      const invite = await this.#bridge.command({ type: "createInvite", uses }, "invite");
      this.link = { url: invite.url, uses: invite.uses };
    } catch (cause) {
      this.error = sentence(failureOf(cause));
    } finally {
      this.busy = false;
    }
  }
}

/** The number that two people compare. */
export class Verify {
  readonly peer: Person;
  /** Twelve groups of five digits. */
  groups = $state.raw<readonly string[] | null>(null);
  error = $state<string | null>(null);
  readonly copying: Copying;
  #bridge: Bridge;

  constructor(bridge: Bridge, platform: Platform, peer: Person) {
    this.#bridge = bridge;
    this.peer = peer;
    this.copying = new Copying(platform);
    void this.load();
  }

  async load(): Promise<void> {
    this.error = null;
    try {
      const { digits } = await this.#bridge.command({ type: "safetyNumber", account: this.peer.account }, "safetyNumber");
      this.groups = digits.match(/\d{5}/g) ?? [];
    } catch (cause) {
      this.error = sentence(failureOf(cause), this.peer.name);
    }
  }
}

export type Dialog =
  | { type: "newMessage"; model: NewMessage }
  | { type: "invitePeople"; model: InvitePeople }
  | { type: "verify"; model: Verify }
  | { type: "switcher" }
  | { type: "help" };

export class Dialogs {
  open = $state.raw<Dialog | null>(null);

  show(dialog: Dialog): void {
    this.open = dialog;
  }

  close(): void {
    this.open = null;
  }
}
