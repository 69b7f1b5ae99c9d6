// Starts this tab's worker and opens its end of the bridge.
import workerUrl from "../worker/worker.ts?worker&url";
import { BridgeClient } from "./client.ts";
import type { Channel } from "./messages.ts";
import { CHANNEL } from "./messages.ts";
import { randomHex } from "./random.ts";

/** What of Trusted Types is used; TypeScript does not know them yet, and not
 *  every browser has them. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown };
}

/** The browser refuses to run a script whose address did not come through a
 *  policy that our server names. This one lets through exactly one address. */
function scriptUrl(url: string): string {
  const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("chatalot", {
    createScriptURL(candidate) {
      if (candidate !== url) throw new TypeError("not the worker of this program");
      return candidate;
    },
  });
  return policy === undefined ? url : (policy.createScriptURL(url) as string);
}

/** What a tab has once it is connected. */
export interface Connected {
  bridge: BridgeClient;
  /** Called when this tab's own worker cannot run; another tab may still lead. */
  onworkerfailed(handler: () => void): void;
}

export function connect(): Connected {
  const channel = new BroadcastChannel(CHANNEL) as unknown as Channel;
  const bridge = new BridgeClient(channel, randomHex(8));
  const worker = new Worker(scriptUrl(workerUrl), { type: "module", name: "chatalot" });
  return {
    bridge,
    onworkerfailed(handler) {
      worker.onerror = () => handler();
    },
  };
}
