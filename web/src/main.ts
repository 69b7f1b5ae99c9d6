// The first code of the page. Where the browser withholds what the program
// stands on, it says so and starts nothing else.
import "./ui/base.css";
import { mount } from "svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("index.html has no #app");

/** What the worker cannot do without, by the name that people may find it. */
function missing(): string[] {
  const needed: [string, boolean][] = [
    ["WebCrypto", typeof SubtleCrypto === "function"],
    ["IndexedDB", typeof indexedDB === "object"],
    ["Web Locks", "locks" in navigator],
    ["BroadcastChannel", typeof BroadcastChannel === "function"],
    ["WebAssembly", typeof WebAssembly === "object"],
    ["<dialog>", typeof HTMLDialogElement === "function"],
  ];
  return needed.filter(([, there]) => !there).map(([name]) => name);
}

if (!window.isSecureContext) {
  const { hostname, port, host } = location;
  const { default: Insecure } = await import("./features/insecure/Insecure.svelte");
  mount(Insecure, { target, props: { host: hostname, port: port === "" ? "80" : port, address: host } });
} else {
  const lacking = missing();
  if (lacking.length > 0) {
    const { default: Old } = await import("./features/insecure/Old.svelte");
    mount(Old, { target, props: { missing: lacking } });
  } else {
    const { start } = await import("./start.ts");
    start(target);
  }
}
