// The one list of what can be done: the keys, the palette and the help sheet
// all come from it. To add something, add it where App makes the list.
import type { StringKey } from "../strings/index.ts";
import type { KeyPress } from "./keys.ts";
import { matches } from "./keys.ts";

export type CommandGroup = "go" | "write" | "app";

export interface AppCommand {
  id: string;
  title: StringKey;
  group: CommandGroup;
  /** Shortcuts as text, e.g. "mod+k". */
  keys: readonly string[];
  /** Whether it stands in the palette. */
  palette: "listed" | "hidden";
  /** Whether it makes sense now. */
  when?(): boolean;
  /** Left out for what a view handles itself and only the help sheet shows. */
  run?(): void;
}

export class Commands {
  readonly all: readonly AppCommand[];

  constructor(all: readonly AppCommand[]) {
    const keys = all.flatMap((command) => (command.run === undefined ? [] : command.keys));
    const twice = keys.find((key, index) => keys.indexOf(key) !== index);
    if (twice !== undefined) throw new Error(`two commands have the keys ${twice}`);
    this.all = all;
  }

  /** Runs what a key press stands for; false when it stands for nothing. */
  press(press: KeyPress): boolean {
    const command = this.all.find(
      ({ keys, run, when }) =>
        run !== undefined && keys.some((key) => matches(key, press)) && (when === undefined || when()),
    );
    command?.run?.();
    return command !== undefined;
  }
}
