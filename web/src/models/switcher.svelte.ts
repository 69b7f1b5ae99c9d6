// The quick switcher: conversations and commands by part of their name.
import type { ConversationView } from "../bridge/types.ts";
import { t } from "../strings/index.ts";
import type { AppCommand, Commands } from "./commands.svelte.ts";
import type { Rooms } from "./rooms.svelte.ts";

export type Choice =
  | { type: "room"; id: string; title: string; room: ConversationView }
  | { type: "command"; id: string; title: string; command: AppCommand };

const MOST_ROOMS = 8;

/** How well a text fits what was typed: lower is better, null not at all. The
 *  start of a word beats its middle; letters in order are the last resort. */
export function fit(text: string, typed: string): number | null {
  const where = text.toLocaleLowerCase();
  const what = typed.trim().toLocaleLowerCase();
  if (what === "") return 0;
  const at = where.indexOf(what);
  if (at === 0) return 0;
  if (at > 0) return /[\s._-]/.test(where.charAt(at - 1)) ? 1 : 2;
  let from = 0;
  for (const letter of what) {
    const found = where.indexOf(letter, from);
    if (found === -1) return null;
    from = found + 1;
  }
  return 3;
}

export class Switcher {
  typed = $state("");
  at = $state(0);
  choices = $derived.by(() => this.#choices());

  #rooms: Rooms;
  #commands: Commands;
  #openRoom: (id: string) => void;
  #close: () => void;

  constructor(rooms: Rooms, commands: Commands, openRoom: (id: string) => void, close: () => void) {
    this.#rooms = rooms;
    this.#commands = commands;
    this.#openRoom = openRoom;
    this.#close = close;
  }

  type(text: string): void {
    this.typed = text;
    this.at = 0;
  }

  move(step: 1 | -1): void {
    const count = this.choices.length;
    if (count > 0) this.at = (this.at + step + count) % count;
  }

  choose(index = this.at): void {
    const choice = this.choices[index];
    if (choice === undefined) return;
    this.#close();
    if (choice.type === "room") this.#openRoom(choice.room.id);
    else choice.command.run?.();
  }

  #choices(): Choice[] {
    const rooms = best(
      this.#rooms.list.map((room): Choice => ({ type: "room", id: `room-${room.id}`, title: room.title, room })),
      this.typed,
    ).slice(0, MOST_ROOMS);
    const commands = this.#commands.all
      .filter(({ palette, when }) => palette === "listed" && (when === undefined || when()))
      .map((command): Choice => ({ type: "command", id: `command-${command.id}`, title: t(command.title), command }));
    return [...rooms, ...best(commands, this.typed)];
  }
}

function best(choices: Choice[], typed: string): Choice[] {
  return choices
    .flatMap((choice) => {
      const score = fit(choice.title, typed);
      return score === null ? [] : [{ choice, score }];
    })
    .sort((left, right) => left.score - right.score)
    .map(({ choice }) => choice);
}
