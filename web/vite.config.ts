import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { compress } from "./tools/compress.ts";

const machine = fileURLToPath(new URL("src/worker/wasm/chat_client_wasm.js", import.meta.url));

/** The client machine is built from Rust; without it there is no client, and
 *  the bundler's own words for that would not say what to do. */
function needsMachine(): Plugin {
  return {
    name: "chatalot-needs-machine",
    apply: "build",
    buildStart() {
      if (!existsSync(machine)) {
        this.error("src/worker/wasm is missing: run `cargo xtask wasm` first");
      }
    },
  };
}

export default defineConfig({
  plugins: [needsMachine(), svelte(), compress()],
  // The models are tested as they run in the browser, not as a server would
  // render them.
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  worker: { format: "es" },
  build: {
    target: "es2022",
    assetsDir: "assets",
    // The policy forbids inline anything but images; keep all assets files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  test: {
    include: ["src/**/*.test.ts", "tools/**/*.test.ts"],
    environment: "node",
  },
});
