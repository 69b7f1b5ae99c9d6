// No npm package does cryptography here: it is all in the Rust machine, with
// the one exception of the browser's own crypto.subtle. This reads the lock, so
// that a package cannot come in through another one either.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cryptographic } from "./cryptographic.mjs";

const lock = JSON.parse(readFileSync(fileURLToPath(new URL("../package-lock.json", import.meta.url)), "utf8"));
const paths = Object.keys(lock.packages ?? {}).filter((path) => path !== "");
if (paths.length === 0) {
  console.error("package-lock.json names no package; is it a lock of version 3?");
  process.exit(1);
}
const names = [...new Set(paths.map((path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)))];
const found = names.filter(cryptographic);
if (found.length > 0) {
  console.error(`cryptographic npm packages are not allowed: ${found.join(", ")}`);
  process.exit(1);
}
const hosts = paths.filter((path) => typeof lock.packages[path].resolved === "string");
if (hosts.length > 0) {
  console.error(`package-lock.json records where packages came from: ${hosts.slice(0, 3).join(", ")} …`);
  console.error("install with the .npmrc of this folder (omit-lockfile-registry-resolved)");
  process.exit(1);
}
console.log(`${names.length} packages, none cryptographic`);
