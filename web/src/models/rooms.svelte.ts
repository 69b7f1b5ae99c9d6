// The conversations, newest first, and how much of them is unread.
import type { Bridge } from "../bridge/client.ts";
import type { ConversationView } from "../bridge/types.ts";

export class Rooms {
  list = $state.raw<readonly ConversationView[]>([]);
  /** Messages of others that were not read, over all conversations. */
  unread = $derived(this.list.reduce((sum, room) => sum + room.unread, 0));

  #bridge: Bridge;
  #end: () => void;
  /** Up to where each conversation was already said to be read. */
  #marked = new Map<string, number>();

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
    this.#all();
    this.#end = bridge.listen({
      changed: (diffs) => {
        if (diffs.some((diff) => diff.type === "conversation")) this.#all();
      },
      reset: () => {
        this.#marked.clear();
        this.#all();
      },
    });
  }

  find(id: string): ConversationView | null {
    return this.list.find((room) => room.id === id) ?? null;
  }

  /** A conversation that an answer named, before the leader tells everybody. */
  take(conversation: ConversationView): void {
    if (this.find(conversation.id) === null) this.list = ordered([...this.list, conversation]);
  }

  /** The conversation so many places further down the list, going round. */
  beside(id: string | null, step: 1 | -1): ConversationView | null {
    if (this.list.length === 0) return null;
    const at = this.list.findIndex((room) => room.id === id);
    if (at === -1) return (step === 1 ? this.list[0] : this.list[this.list.length - 1]) ?? null;
    return this.list[(at + step + this.list.length) % this.list.length] ?? null;
  }

  /** The next one with something unread, below the given one and then from the top. */
  nextUnread(id: string | null): ConversationView | null {
    const at = this.list.findIndex((room) => room.id === id);
    const fromHere = [...this.list.slice(at + 1), ...this.list.slice(0, Math.max(at, 0))];
    return fromHere.find((room) => room.unread > 0) ?? null;
  }

  /** The person has read up to here. Said once per place. */
  markRead(id: string, seq: number): void {
    const room = this.find(id);
    if (room === null || seq <= room.readSeq || seq <= (this.#marked.get(id) ?? 0)) return;
    this.#marked.set(id, seq);
    this.#bridge.command({ type: "markRead", conversation: id, seq }, "done").catch(() => {
      // Not read, then: the next look at the conversation says it again.
      this.#marked.delete(id);
    });
  }

  dispose(): void {
    this.#end();
  }

  #all(): void {
    this.list = ordered(this.#bridge.state.conversations);
  }
}

function ordered(rooms: readonly ConversationView[]): readonly ConversationView[] {
  return [...rooms].sort(
    (left, right) => (right.last?.sentAt ?? 0) - (left.last?.sentAt ?? 0) || left.title.localeCompare(right.title),
  );
}
