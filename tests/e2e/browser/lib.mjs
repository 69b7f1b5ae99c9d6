// What the browser scenarios share: real Chromium profiles, what a person does
// in them, and one JSON line per checked fact. A scenario never sleeps to wait
// for something; it looks until it sees it, or says that it did not.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

// The tools are development dependencies of web/.
const require = createRequire(new URL("../../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axeSource = () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PASSWORD = "a long enough password";
/** How long something may take that has no figure of its own. */
const PATIENCE_MS = 20_000;
const LOOK_AGAIN_MS = 25;

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that is not loopback, for the page that explains https.
  "--host-resolver-rules=MAP plain.test 127.0.0.1",
];

let failures = 0;

/** Reports one checked fact. */
export function check(name, ok, detail = null) {
  if (!ok) failures += 1;
  process.stdout.write(`${JSON.stringify({ check: name, ok: Boolean(ok), detail })}\n`);
}

/** Reports something that is no fact to be checked. */
export function say(row) {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

export function options(known) {
  return parseArgs({ options: Object.fromEntries(known.map((name) => [name, { type: "string" }])) }).values;
}

let input = null;

/** The lines of whoever started this. */
function lines() {
  input ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  return input;
}

/** The next line; null at the end. */
export async function line() {
  const { value, done } = await lines().next();
  return done ? null : value;
}

/** Asks whoever started this to do something to the server, and waits until a
 *  line says that it is done. */
export async function ready(what) {
  process.stdout.write(`READY ${what}\n`);
  return line();
}

/** Runs a scenario, closes what it opened, and ends with its result. */
export async function scenario(run) {
  const profiles = [];
  try {
    await run({
      async profile(name, more = {}) {
        const made = await open(name, more);
        profiles.push(made);
        return made;
      },
    });
  } catch (cause) {
    check("the scenario ran to its end", false, String(cause?.stack ?? cause));
  }
  for (const { name, complaints } of profiles) {
    check(`no complaint in the console of ${name}`, complaints.length === 0, complaints);
  }
  for (const made of profiles) {
    await made.context.close().catch(() => undefined);
    rmSync(made.folder, { recursive: true, force: true });
  }
  process.exit(failures === 0 ? 0 : 1);
}

/** What the console says while a server is away, when a reload cuts a socket, and
 *  where the page explains that it needs https. */
const EXPECTED = [
  /WebSocket connection to .* failed/,
  /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|ABORTED)/,
  /Cross-Origin-Opener-Policy header has been ignored/,
];

/** One browser profile on the disk: one device. */
async function open(name, more) {
  const folder = mkdtempSync(join(tmpdir(), "chatalot-browser-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHATALOT_CHROMIUM ?? "/usr/bin/chromium",
    // Chromium's sandbox does not start as root.
    args: process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS,
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "UTC",
    permissions: ["clipboard-read", "clipboard-write"],
    ...more,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  const watch = (page) => {
    page.on("console", (message) => {
      const text = message.text();
      if (["error", "warning"].includes(message.type()) && !EXPECTED.some((expected) => expected.test(text))) {
        complaints.push(text);
      }
    });
    page.on("pageerror", (error) => complaints.push(error.message));
  };
  context.pages().forEach(watch);
  context.on("page", watch);
  return { name, folder, context, complaints, page: context.pages()[0] ?? (await context.newPage()) };
}

/** Looks until `see` gives something true, and gives that. */
export async function until(what, see, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await see();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`not seen within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** Opens an invite link, chooses a name, and is in. */
export async function register(page, invite, name) {
  await page.goto(invite);
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("navigation", { name: "Conversations" }).waitFor();
  await page.getByText(`You are ${name}`).waitFor({ state: "attached" });
}

/** Makes an invite link in the page. */
export async function inviteLink(page) {
  await page.getByRole("button", { name: "Invite people" }).first().click();
  await page.getByRole("button", { name: "Create link" }).click();
  const link = await page.getByLabel("Invite link").inputValue();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Close" }).click();
  return { link, copied };
}

/** Opens the conversation with somebody by their exact name. */
export async function writeTo(page, name) {
  await page.getByRole("navigation").getByRole("button", { name: "New message" }).first().click();
  await page.getByRole("dialog").getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

/** Opens a conversation that stands in the list. */
export async function openRoom(page, name) {
  await page.getByRole("navigation").getByRole("listitem").filter({ hasText: name }).getByRole("button").click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
}

export async function send(page, text) {
  const field = page.getByLabel(/^Message to /);
  await field.fill(text);
  await field.press("Enter");
}

/** The messages that are in the page now, oldest first. */
export function visible(page) {
  return page.evaluate(() => {
    const list = document.querySelector("[role=list]")?.getBoundingClientRect();
    return [...document.querySelectorAll("[data-message]")].map((element) => ({
      id: element.dataset.message,
      // The one that Tab reaches stays in the page when it is scrolled away.
      inView: element.getBoundingClientRect().bottom > list.top && element.getBoundingClientRect().top < list.bottom,
      state: element.dataset.state,
      own: element.classList.contains("own"),
      text: element.querySelector(".body")?.textContent?.trim() ?? null,
    }));
  });
}

/** Waits for a message with this text, in this state if one is given. */
export async function row(page, text, state = null, patience = PATIENCE_MS) {
  let shown = [];
  const see = async () => {
    shown = await visible(page);
    return shown.find((each) => each.text === text && (state === null || each.state === state));
  };
  try {
    return await until(`"${text}"${state === null ? "" : ` as ${state}`}`, see, patience);
  } catch (cause) {
    const instead = shown.map((each) => `${each.state}: ${each.text}`).join(" | ");
    const notices = await page.locator("[role=alert], [role=status]").allTextContents();
    throw new Error(`${cause.message}; shown instead: ${instead}; notices: ${notices.join(" | ")}`, { cause });
  }
}

/** Every message of the open conversation, from the beginning: the list shows
 *  only what is in view, so it is read by scrolling through it. */
export async function history(page) {
  const list = page.getByRole("list", { name: /^Messages with / });
  await until("the beginning of the conversation", async () => {
    // An older page that comes moves the view down again by as much as it adds.
    const top = await list.evaluate(async (element) => {
      element.scrollTop = 0;
      for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
      return element.scrollTop;
    });
    return top === 0 && (await page.getByText("This is the beginning of your conversation").isVisible());
  });
  const found = new Map();
  const collect = async () => {
    for (const each of await visible(page)) if (each.inView) found.set(each.id, each);
  };
  await until("the end of the conversation", async () => {
    await collect();
    return list.evaluate(async (element) => {
      const before = element.scrollTop;
      element.scrollTop += element.clientHeight / 2;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return element.scrollTop === before;
    });
  });
  await collect();
  return [...found.values()];
}

/** The 60 digits that the page shows for the open conversation. */
export async function safetyNumber(page) {
  await page.getByRole("button", { name: /^Verify / }).first().click();
  const number = page.getByRole("list", { name: /^Safety number/ });
  await number.waitFor();
  const groups = await number.getByRole("listitem").allTextContents();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  return groups.join("");
}

/** Whether two histories hold the same texts in the same order, each once. */
export function sameHistory(name, expected, left, right) {
  const texts = (rows) => rows.map((each) => each.text);
  check(`${name}: both show the same, in the same order`, JSON.stringify(texts(left)) === JSON.stringify(texts(right)), {
    left: texts(left),
    right: texts(right),
  });
  const missing = expected.filter((text) => !texts(left).includes(text));
  check(`${name}: nothing is lost`, missing.length === 0, missing);
  const doubled = texts(left).filter((text, at, all) => all.indexOf(text) !== at);
  check(`${name}: nothing is doubled`, doubled.length === 0 && left.length === expected.length, doubled);
  const open = [...left, ...right].filter((each) => !["sent", "received"].includes(each.state));
  check(`${name}: everything was sent and can be read`, open.length === 0, open);
}

/** The findings of axe that are serious or worse. */
export async function serious(page) {
  const { violations } = await page.evaluate(`${axeSource()};axe.run({ resultTypes: ["violations"] })`);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => ({ id, at: nodes.map((node) => node.target.join(" ")) }));
}
