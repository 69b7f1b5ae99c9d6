// Prints what a person downloads, compressed, and fails above the budgets. The
// login view is what index.html loads by itself; everything is all of dist.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const LOGIN_BUDGET = 120_000;
const TOTAL_BUDGET = 250_000;

const dist = fileURLToPath(new URL("../dist", import.meta.url));
if (!existsSync(join(dist, "index.html"))) {
  console.error("web/dist is missing: run `npm run build` first");
  process.exit(1);
}

/** What travels: the brotli sibling where there is one. */
function sent(path) {
  return statSync(existsSync(`${path}.br`) ? `${path}.br` : path).size;
}

const assets = readdirSync(join(dist, "assets")).filter((name) => !/\.(br|gz)$/.test(name));
const index = readFileSync(join(dist, "index.html"), "utf8");

// A module imports its chunks statically as "./name.js"; a dynamic import is
// not part of the first view. The manifest is not needed to tell them apart.
const initial = new Set();
function take(name) {
  if (initial.has(name) || !assets.includes(name)) return;
  initial.add(name);
  if (!name.endsWith(".js")) return;
  const code = readFileSync(join(dist, "assets", name), "utf8");
  for (const match of code.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) take(match[1]);
}
for (const match of index.matchAll(/assets\/([^"]+)"/g)) take(match[1]);
// What the page fetches at once without index.html naming it: the start chunk
// with its styles, and the worker.
for (const name of assets) if (/^(start|worker)-/.test(name)) take(name);

const rows = assets.map((name) => ({
  name,
  bytes: sent(join(dist, "assets", name)),
  first: initial.has(name),
}));
rows.sort((a, b) => b.bytes - a.bytes);
for (const row of rows) {
  console.log(`${String(row.bytes).padStart(8)}  ${row.first ? "login" : "later"}  ${row.name}`);
}
const login = rows.filter((row) => row.first).reduce((sum, row) => sum + row.bytes, 0);
const total = rows.reduce((sum, row) => sum + row.bytes, 0) + sent(join(dist, "index.html"));
console.log(`login view ${login} of ${LOGIN_BUDGET} bytes, everything ${total} of ${TOTAL_BUDGET} bytes (brotli)`);
if (login > LOGIN_BUDGET || total > TOTAL_BUDGET) {
  console.error("above the budget");
  process.exit(1);
}
