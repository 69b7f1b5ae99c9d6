// Puts the rooms together: the bridge to the leader, the browser as models see
// it, the models, the first view.
import { mount } from "svelte";
import { connect } from "./bridge/connect.ts";
import { randomHex } from "./bridge/random.ts";
import Root from "./features/shell/Root.svelte";
import { App } from "./models/app.svelte.ts";
import type { Platform } from "./models/platform.ts";
import { Theme } from "./models/theme.svelte.ts";

function browser(): Platform {
  let asked = false;
  return {
    clock: {
      now: () => Date.now(),
      after(milliseconds, run) {
        const timer = setTimeout(run, milliseconds);
        return () => clearTimeout(timer);
      },
    },
    settings: {
      get: (name) => localStorage.getItem(name),
      set(name, value) {
        if (value === null) localStorage.removeItem(name);
        else localStorage.setItem(name, value);
      },
    },
    address: {
      get path() {
        return location.pathname;
      },
      get origin() {
        return location.origin;
      },
      push: (path) => history.pushState(null, "", path),
      replace: (path) => history.replaceState(null, "", path),
      onchange(run) {
        addEventListener("popstate", run);
        return () => removeEventListener("popstate", run);
      },
    },
    randomHex,
    copy: (text) => navigator.clipboard.writeText(text),
    keepStorage() {
      // After the first message, when there is something worth keeping.
      if (asked) return;
      asked = true;
      void navigator.storage?.persist?.();
    },
    reload: () => location.reload(),
  };
}

export function start(target: HTMLElement): void {
  const { bridge, onworkerfailed } = connect();
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const platform = browser();
  const theme = new Theme(platform.settings, dark.matches ? "dark" : "light");
  const app = new App(bridge, platform, theme);

  onworkerfailed(() => app.session.workerFailed());
  dark.addEventListener("change", () => (theme.system = dark.matches ? "dark" : "light"));

  const look = () => {
    const active = document.visibilityState === "visible" && document.hasFocus();
    app.attention.set(active);
    if (document.visibilityState === "visible") bridge.wake();
  };
  for (const event of ["focus", "blur", "online", "pageshow"]) addEventListener(event, look);
  document.addEventListener("visibilitychange", look);
  // The last moment that a page surely has.
  addEventListener("pagehide", () => app.drafts.flush());
  look();

  mount(Root, { target, props: { app } });
}
