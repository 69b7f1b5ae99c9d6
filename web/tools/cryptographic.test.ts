import { expect, test } from "vitest";
import { cryptographic } from "./cryptographic.mjs";

test.each(["tweetnacl", "@noble/curves", "libsodium-wrappers", "crypto-js", "@matrix-org/olm", "hash-wasm-sha256"])(
  "%s is refused",
  (name) => expect(cryptographic(name)).toBe(true),
);

test.each(["svelte", "aesthetic-query", "marked", "virtua", "@types/node", "path-key"])("%s is allowed", (name) =>
  expect(cryptographic(name)).toBe(false),
);
