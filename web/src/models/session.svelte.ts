// Whether there is a device in this browser, who it speaks for, and whether
// the server can be reached.
import type { Bridge } from "../bridge/client.ts";
import type { Link, Me, Phase } from "../bridge/messages.ts";
import type { Clock, Settings } from "./platform.ts";

/** A connection that is gone for less than this is not worth a word. */
const OFFLINE_AFTER_MS = 2_000;
/** Outside the database, so that its loss can be told from never having been. */
const MARKER = "chatalot.device";

export class Session {
  phase = $state.raw<Phase>({ type: "starting" });
  me = $state.raw<Me | null>(null);
  link = $state<Link>("connecting");
  signedOut = $state<string | null>(null);
  /** Whether the lack of a connection has lasted long enough to say it. */
  offline = $state(false);
  /** Who this browser spoke for when its keys were last seen. */
  lostName = $state<string | null>(null);

  #bridge: Bridge;
  #clock: Clock;
  #settings: Settings;
  #cancelOffline: (() => void) | null = null;
  #end: () => void;

  constructor(bridge: Bridge, clock: Clock, settings: Settings) {
    this.#bridge = bridge;
    this.#clock = clock;
    this.#settings = settings;
    this.#take();
    this.#end = bridge.listen({ changed: () => this.#take(), reset: () => this.#take() });
  }

  /** This tab's worker cannot run. When another tab leads, all is well. */
  workerFailed(): void {
    if (this.phase.type === "starting") this.phase = { type: "broken", part: "machine", detail: "worker" };
  }

  retry(): void {
    this.#bridge.wake();
  }

  dispose(): void {
    this.#cancelOffline?.();
    this.#end();
  }

  #take(): void {
    const { phase, me, link, signedOut } = this.#bridge.state;
    this.phase = phase;
    this.me = me;
    this.signedOut = signedOut;
    if (me !== null) this.#settings.set(MARKER, me.name);
    this.lostName = phase.type === "noAccount" ? this.#settings.get(MARKER) : null;
    if (link !== this.link || link !== "online") this.#linkIs(link);
  }

  #linkIs(link: Link): void {
    this.link = link;
    if (link === "online") {
      this.#cancelOffline?.();
      this.#cancelOffline = null;
      this.offline = false;
      return;
    }
    if (this.offline || this.#cancelOffline !== null) return;
    this.#cancelOffline = this.#clock.after(OFFLINE_AFTER_MS, () => {
      this.#cancelOffline = null;
      this.offline = this.link !== "online" && this.phase.type === "ready";
    });
  }
}
