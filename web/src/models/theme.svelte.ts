// Dark or light: as the system says, unless the person chose.
import type { Settings } from "./platform.ts";

export type Look = "light" | "dark";
const SETTING = "chatalot.look";

export class Theme {
  chosen = $state<Look | null>(null);
  system = $state<Look>("light");
  look = $derived(this.chosen ?? this.system);
  #settings: Settings;

  constructor(settings: Settings, system: Look) {
    this.#settings = settings;
    this.system = system;
    const stored = settings.get(SETTING);
    if (stored === "light" || stored === "dark") this.chosen = stored;
  }

  /** To the other look; choosing what the system has anyway is no choice. */
  toggle(): void {
    const next = this.look === "dark" ? "light" : "dark";
    this.chosen = next === this.system ? null : next;
    this.#settings.set(SETTING, this.chosen);
  }
}
