import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin, ResolvedConfig } from "vite";

const TEXT = /\.(js|css|html|svg|wasm|webmanifest|json)$/;
/** Below this, a header costs more than compression gives. */
const WORTH_IT_BYTES = 512;

function* files(folder: string): Generator<string> {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

/** Writes `.br` and `.gz` beside every file worth it, so that the server sends
 *  the smallest form without spending its own time on compression. */
export function compress(): Plugin {
  let config: ResolvedConfig;
  return {
    name: "chatalot-compress",
    apply: "build",
    configResolved(resolved) {
      // The worker's bundle is built within the page's: once, at its end.
      config = resolved;
    },
    closeBundle() {
      if (config.isWorker) return;
      for (const path of files(resolve(config.root, config.build.outDir))) {
        if (!TEXT.test(path)) continue;
        const content = readFileSync(path);
        if (content.length < WORTH_IT_BYTES) continue;
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(content, {
            params: {
              [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
              [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
            },
          }),
        );
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}
