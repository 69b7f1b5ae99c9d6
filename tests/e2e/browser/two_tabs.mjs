// Two tabs of one profile work at once: both send, both show everything, a
// draft is in both. Closing the leading tab hands over within two seconds, and
// nothing is lost, doubled or unreadable: there is one ratchet, not two.
//
//   node two_tabs.mjs --invite URL [--first NAME] [--second NAME]
import { check, history, inviteLink, openRoom, options, register, row, sameHistory, scenario, send, until, writeTo } from "./lib.mjs";

const { invite, first = "alice", second = "bob" } = options(["invite", "first", "second"]);
const HANDOVER_MS = 2_000;

await scenario(async ({ profile }) => {
  const alice = await profile(first);
  const { page: bob } = await profile(second);
  let leading = alice.page;
  await register(leading, invite, first);
  const { link } = await inviteLink(leading);
  await register(bob, link, second);
  await writeTo(leading, second);

  let other = await alice.context.newPage();
  await other.goto(leading.url());
  const locks = () =>
    other.evaluate(async () => {
      const { held, pending } = await navigator.locks.query();
      const named = (locks) => locks.filter(({ name }) => name === "chatalot-machine").length;
      return { held: named(held), pending: named(pending) };
    });
  // The second tab shows everything before its own worker has even started.
  await until("the second tab's worker to wait", async () => (await locks()).pending === 1);
  const seen = await locks();
  check("one tab leads, the other waits", seen.held === 1 && seen.pending === 1, seen);

  const said = [];
  const say = async (page, text) => {
    said.push(text);
    await send(page, text);
  };
  await say(leading, "from the first tab");
  await row(other, said[0], "sent");
  await say(other, "from the second tab");
  await row(leading, said[1], "sent");
  check("each tab shows what the other sent", true);
  await openRoom(bob, first);
  await say(bob, "to both tabs");
  await row(leading, said[2], "received");
  await row(other, said[2], "received");
  check("both tabs show what comes in", true);

  // Both at the same time, five each.
  await Promise.all(
    [leading, other].map(async (page, tab) => {
      for (let turn = 0; turn < 5; turn += 1) await say(page, `tab ${tab} says ${turn}`);
    }),
  );
  for (const page of [leading, other]) {
    await row(page, "tab 0 says 4", "sent");
    await row(page, "tab 1 says 4", "sent");
  }
  await row(bob, "tab 1 says 4", "received");
  check("both send at the same time", true);

  // Three handovers in a row; messages are on their way in both directions.
  for (let turn = 0; turn < 3; turn += 1) {
    const next = await alice.context.newPage();
    await next.goto(other.url());
    await row(next, said[2], "received");
    const before = `just before handover ${turn}`;
    const after = `just after handover ${turn}`;
    const back = `from the other side ${turn}`;
    await say(other, before);
    const began = Date.now();
    await Promise.all([leading.close(), say(bob, back)]);
    await say(other, after);
    await row(other, after, "sent");
    const took = Date.now() - began;
    check(`handover ${turn} takes less than ${HANDOVER_MS} ms`, took < HANDOVER_MS, took);
    await row(other, before, "sent");
    await row(other, back, "received");
    await row(next, back, "received");
    await row(bob, after, "received");
    leading = other;
    other = next;
  }

  const shown = [await history(leading), await history(other), await history(bob)];
  sameHistory("both tabs", said, shown[0], shown[1]);
  sameHistory("both sides", said, shown[0], shown[2]);

  await other.getByLabel(/^Message to /).fill("half a thought");
  // Stored a moment after the last key, and then told to the other tabs.
  const draft = leading.getByLabel(/^Message to /);
  await until("the draft in the other tab", async () => (await draft.inputValue()) === "half a thought");
  check("a draft is in every tab", true);
});
