// Drives the page into its states at two sizes and in both looks, takes a
// picture of each into a folder, and runs axe-core in each: no serious finding.
//
//   node a11y_and_looks.mjs --invite URL --out FOLDER [--first NAME] [--second NAME] [--hooks yes]
//
// With --hooks it asks for the relay to be stopped and started (`READY stop`,
// `READY start`), for the picture without a connection.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  PASSWORD,
  check,
  inviteLink,
  openRoom,
  options,
  ready,
  register,
  row,
  scenario,
  send,
  serious,
  until,
  writeTo,
} from "./lib.mjs";

const { invite, out, first = "alice", second = "bob", hooks } = options(["invite", "out", "first", "second", "hooks"]);
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
mkdirSync(out, { recursive: true });

/** A picture at each size and in each look, and axe in each. */
async function state(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.evaluate(async () => {
        const frame = () => new Promise(requestAnimationFrame);
        for (let frames = 0; frames < 5; frames += 1) await frame();
        await Promise.all(document.getAnimations().map((animation) => animation.finished));
        await frame();
      });
      await page.screenshot({ path: join(out, `${name}-${size}-${colorScheme}.png`) });
      const found = await serious(page);
      check(`${name}, ${size}, ${colorScheme}: no serious finding`, found.length === 0, found);
    }
  }
  await page.setViewportSize(SIZES.desktop);
}

await scenario(async ({ profile }) => {
  const { page } = await profile(first);
  const { page: friend } = await profile(second);
  const origin = new URL(invite).origin;

  const plain = new URL(origin);
  plain.hostname = "plain.test";
  await page.goto(plain.href);
  await page.getByRole("heading", { name: "This page needs https" }).waitFor();
  await state(page, "insecure");

  await page.goto(origin);
  await page.getByLabel("Invite link").waitFor();
  await state(page, "welcome");
  await page.goto(`${origin}/invite/not-a-code`);
  await page.getByRole("heading", { name: "This invite does not work" }).waitFor();
  await state(page, "invite-gone");
  await page.goto(invite);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  await state(page, "invite");

  // The page keeps its session to itself; it is read as the server gives it.
  const answered = page.waitForResponse((response) => response.url() === `${origin}/api/v1/accounts`);
  await register(page, invite, first);
  const { token } = await (await answered).json();
  await state(page, "empty");
  const { link } = await inviteLink(page);
  await page.getByRole("button", { name: "Invite people" }).first().click();
  await state(page, "invite-people");
  await page.keyboard.press("Escape");
  await page.getByRole("navigation").getByRole("button", { name: "New message" }).first().click();
  await page.getByRole("dialog").getByLabel("Name").fill("nobody-here");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await page.getByText("Nobody here is called").waitFor();
  await state(page, "new-message");
  await page.keyboard.press("Escape");

  await register(friend, link, second);
  await writeTo(friend, first);
  const talk = [
    [friend, "Morning! Did the train get in on time?"],
    [page, "Twenty minutes late, but the coffee was good."],
    [page, "How is the move going?"],
    [friend, "Nearly done. Two rooms left, and the **bookshelf** that nobody wants to carry."],
    [friend, "Here is the list:\n\n1. boxes from the cellar\n2. the bookshelf\n3. return the van by `18:00`"],
    [page, "I can take the van back, it is on my way."],
    [friend, "For the router, this is what I used:\n\n```\nip link set eth0 up\n```"],
    [page, "Worked on the first try, thank you!"],
  ];
  let opened = false;
  for (const [from, text] of talk) {
    if (from === page && !opened) {
      await until("the conversation in the list", () => page.getByRole("navigation").getByRole("listitem").count());
      await openRoom(page, second);
      opened = true;
    }
    await send(from, text);
    // One after the other: the pictures show a talk, not a race.
    await until("the acknowledgement", async () => (await from.locator("[data-state=sending]").count()) === 0);
  }
  await row(friend, talk[7][1], "received");
  await state(page, "conversation");

  await page.getByRole("button", { name: /^Verify / }).first().click();
  await page.getByRole("list", { name: /^Safety number/ }).waitFor();
  await state(page, "safety-number");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").waitFor();
  await state(page, "switcher");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+/");
  await page.getByRole("heading", { name: "Keyboard" }).waitFor();
  await state(page, "keyboard-help");
  await page.keyboard.press("Escape");

  // One stop of Tab for the whole list; the arrows move within it.
  await page.getByLabel(/^Message to /).focus();
  await page.keyboard.press("Shift+Tab");
  const stops = await page.locator("[data-message][tabindex='0']").count();
  const focused = () => page.evaluate(() => document.activeElement?.dataset?.message ?? null);
  const last = await focused();
  await page.keyboard.press("ArrowUp");
  const moved = await until("the focus one message up", async () => {
    const now = await focused();
    return now !== null && now !== last ? now : null;
  });
  check("one message at a time is a stop of Tab, and the arrows move it", stops === 1 && moved !== null, { stops, last, moved });
  const spoken = await page.locator(`[data-message="${last}"]`).getAttribute("aria-label");
  check("a message is heard as one sentence", spoken?.startsWith("You, ") && spoken.includes(talk[7][1]), spoken);

  await page.goto(origin);
  await page.getByRole("navigation").getByRole("listitem").first().waitFor();
  await state(page, "home");

  if (hooks !== undefined) {
    await openRoom(page, second);
    await ready("stop");
    await page.getByText("No connection to the server").waitFor();
    await send(page, "This is kept until we are back.");
    await row(page, "This is kept until we are back.", "sending");
    await state(page, "offline");
    await ready("start");
    await row(page, "This is kept until we are back.", "sent", 40_000);
    check("what was kept is sent", true);
  }

  // The session ends on the server; with the password there is a new one.
  if (hooks === undefined) await openRoom(page, second);
  const { status } = await fetch(`${origin}/api/v1/sessions/current`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${token}` },
  });
  check("the session is ended", status === 204, status);
  const way = page.getByRole("form", { name: "Sign in again" });
  await way.getByLabel(`Password of ${first}`).fill("not the password");
  await way.getByRole("button", { name: "Sign in" }).click();
  await way.getByText("This is not the password of this account.").waitFor();
  check("a wrong password is a sentence at the field", true);
  await state(page, "signed-out");
  await way.getByLabel(`Password of ${first}`).fill(PASSWORD);
  await way.getByRole("button", { name: "Sign in" }).click();
  await way.waitFor({ state: "detached" });
  await send(page, "And in again.");
  await row(page, "And in again.", "sent");
  await row(friend, "And in again.", "received");
  check("who was signed out signs in again and goes on", true);
  await page.reload();
  await send(page, "Also after a reload.");
  await row(friend, "Also after a reload.", "received");
  check("the new session is stored", true);
});
