// One conversation as it is read: a window of rows that always reaches to the
// newest, grows upwards by pages, and holds own messages from the moment that
// they are written.
import type { Bridge } from "../bridge/client.ts";
import type { Me } from "../bridge/messages.ts";
import type { MessageRow } from "../bridge/types.ts";
import type { Attention } from "./attention.svelte.ts";
import { failureOf, sentence } from "./failure.ts";
import { itemsOf, merged, newestSeq, oldestSeq } from "./history.ts";
import type { Platform } from "./platform.ts";
import type { Rooms } from "./rooms.svelte.ts";

const FIRST_PAGE = 30;
const PAGE = 60;
/** The first page reaches up to the first unread message, within reason. */
const FIRST_PAGE_MAX = 200;

export interface TimelineParts {
  bridge: Bridge;
  platform: Platform;
  rooms: Rooms;
  attention: Attention;
  me: Me;
  /** A message of somebody else came while the conversation is open. */
  arrived(row: MessageRow): void;
}

export class Timeline {
  readonly conversation: string;
  rows = $state.raw<readonly MessageRow[]>([]);
  /** Whether there are older messages than those in `rows`. */
  more = $state(true);
  state = $state<"opening" | "idle" | "older" | "olderFailed" | "failed">("opening");
  failure = $state<string | null>(null);
  /** The place after which messages are marked as new. */
  divider = $state<number | null>(null);
  /** Messages of others that came while the person looked further up. */
  below = $state(0);
  /** Rises whenever the newest message is to be brought into view. */
  latestWanted = $state(0);
  /** True while the last change added rows at the upper end only. */
  grewUp = $state(false);
  items = $derived(itemsOf(this.rows, this.divider, this.more));

  #parts: TimelineParts;
  #end: (() => void)[];
  #atBottom = true;
  #disposed = false;

  constructor(conversation: string, parts: TimelineParts) {
    this.conversation = conversation;
    this.#parts = parts;
    const room = parts.rooms.find(conversation);
    if (room !== null && room.unread > 0) this.divider = room.readSeq;
    this.#end = [
      parts.bridge.listen({
        changed: (diffs) => {
          const rows = diffs.flatMap((diff) =>
            diff.type === "row" && diff.row.conversation === conversation ? [diff.row] : [],
          );
          if (rows.length > 0) this.#arrived(rows);
        },
        reset: () => void this.#catchUp(),
      }),
      parts.attention.onchange(() => this.#read()),
    ];
    void this.open(room?.unread ?? 0);
  }

  /** Loads the newest page. */
  async open(unread = 0): Promise<void> {
    this.state = "opening";
    this.failure = null;
    try {
      const limit = Math.min(FIRST_PAGE_MAX, Math.max(FIRST_PAGE, unread + 10));
      const page = await this.#page(null, null, limit);
      this.#set(page.rows);
      this.more = page.more;
      this.state = "idle";
      this.#read();
    } catch (cause) {
      this.state = "failed";
      this.failure = sentence(failureOf(cause));
    }
  }

  /** Loads the page above the oldest row. */
  async loadOlder(): Promise<void> {
    const oldest = oldestSeq(this.rows);
    if (!this.more || oldest === null || (this.state !== "idle" && this.state !== "olderFailed")) return;
    this.state = "older";
    try {
      const page = await this.#page(oldest, null, PAGE);
      if (this.#disposed) return;
      const before = this.rows.length;
      this.rows = merged(this.rows, page.rows);
      this.more = page.more;
      this.grewUp = this.rows.length > before;
      this.state = "idle";
    } catch {
      this.state = "olderFailed";
    }
  }

  /** Writes a message: it is shown at once, and sent by the leader. */
  send(text: string): void {
    const { platform, me } = this.#parts;
    const row: MessageRow = {
      id: platform.randomHex(16),
      conversation: this.conversation,
      seq: null,
      sentAt: platform.clock.now(),
      from: { account: me.account, name: me.name },
      own: true,
      kind: "text",
      text,
      state: "sending",
      reason: null,
    };
    this.finish();
    this.#set([row]);
    void this.#send(row);
  }

  /** Sends a failed message again, under its own id. */
  async retry(id: string): Promise<void> {
    const row = this.rows.find((candidate) => candidate.id === id);
    if (row === undefined || row.state !== "failed") return;
    this.#set([{ ...row, state: "sending", reason: null }]);
    try {
      await this.#parts.bridge.command({ type: "retry", messageId: id }, "done");
    } catch (cause) {
      // It failed before the machine had it: then it is sent as if new. The id
      // makes sure that it is not there twice.
      if (failureOf(cause).code === "unknown_message") await this.#send(row);
      else this.#failed(row, cause);
    }
  }

  /** Whether the newest message is in view. */
  set atBottom(value: boolean) {
    if (value === this.#atBottom) return;
    this.#atBottom = value;
    if (value) this.below = 0;
    this.#read();
  }

  /** The person has dealt with what is new, and wants to see the newest. */
  finish(): void {
    this.divider = null;
    this.below = 0;
    this.latestWanted += 1;
  }

  dispose(): void {
    this.#disposed = true;
    for (const end of this.#end) end();
  }

  async #send(row: MessageRow): Promise<void> {
    const { bridge, platform } = this.#parts;
    try {
      const command = { type: "send", conversation: this.conversation, messageId: row.id, text: row.text } as const;
      const { seq, at } = await bridge.command(command, "sent");
      this.#set([{ ...this.#known(row), seq, sentAt: at, state: "sent", reason: null }]);
      platform.keepStorage();
    } catch (cause) {
      this.#failed(row, cause);
    }
  }

  #failed(row: MessageRow, cause: unknown): void {
    const known = this.#known(row);
    if (known.seq !== null) return;
    this.#set([{ ...known, state: "failed", reason: sentence(failureOf(cause), row.from.name) }]);
  }

  #known(row: MessageRow): MessageRow {
    return this.rows.find((candidate) => candidate.id === row.id) ?? row;
  }

  #page(before: number | null, after: number | null, limit: number) {
    const command = { type: "timeline", conversation: this.conversation, before, after, limit } as const;
    return this.#parts.bridge.command(command, "timeline");
  }

  /** Something may have been missed: everything after the newest known row is
   *  asked for, so that the window has no hole. */
  async #catchUp(): Promise<void> {
    if (this.state === "opening" || this.state === "failed") {
      // The first page that is on its way is asked for again by the bridge.
      if (this.state === "failed") await this.open();
      return;
    }
    try {
      for (;;) {
        const page = await this.#page(null, newestSeq(this.rows), PAGE);
        if (this.#disposed) return;
        this.#arrived(page.rows);
        if (!page.more) return;
      }
    } catch {
      // The next snapshot or message tries again.
    }
  }

  #arrived(rows: readonly MessageRow[]): void {
    const before = newestSeq(this.rows);
    const known = new Set(this.rows.map((row) => row.id));
    this.#set(rows);
    if (this.state === "opening") return;
    const fresh = rows.filter((row) => !row.own && !known.has(row.id) && (row.seq ?? 0) > before);
    if (fresh.length > 0) {
      const looking = this.#parts.attention.active && this.#atBottom;
      if (!looking && this.divider === null) this.divider = before;
      if (!this.#atBottom) this.below += fresh.length;
      for (const row of fresh) this.#parts.arrived(row);
    }
    this.#read();
  }

  #set(rows: readonly MessageRow[]): void {
    if (this.#disposed) return;
    const next = merged(this.rows, rows);
    if (next === this.rows) return;
    this.grewUp = false;
    this.rows = next;
  }

  /** Says that it was read what the person has in view. */
  #read(): void {
    const { attention, rooms } = this.#parts;
    if (!attention.active || !this.#atBottom || this.state === "opening" || this.state === "failed") return;
    const newest = newestSeq(this.rows);
    if (newest > 0) rooms.markRead(this.conversation, newest);
  }
}
