// Two people, each in a browser profile of their own, talk in both directions.
// In the middle the relay is restarted (`READY restart`, then a line on stdin);
// both go on writing meanwhile. After a reload the history is still there.
//
//   node two_profiles.mjs --invite URL [--first NAME] [--second NAME]
import { check, history, inviteLink, openRoom, options, ready, register, row, safetyNumber, sameHistory, scenario, send, until, writeTo } from "./lib.mjs";

const { invite, first = "alice", second = "bob" } = options(["invite", "first", "second"]);

await scenario(async ({ profile }) => {
  const { page: alice } = await profile(first);
  const { page: bob } = await profile(second);

  await register(alice, invite, first);
  check("the invite leads straight in", true);
  const { link, copied } = await inviteLink(alice);
  check("the invite link is copied as it is shown", link === copied, { link, copied });

  await register(bob, link, second);
  await writeTo(alice, second);
  const said = [];
  const say = async (page, text) => {
    said.push(text);
    await send(page, text);
  };

  await say(alice, "hello from the first profile");
  await row(alice, said[0], "sent");
  check("a message is acknowledged", true);

  await until("the unread message in the list", () =>
    bob.getByRole("navigation").getByText("One unread message").count(),
  );
  check("the title counts it", (await bob.title()).startsWith("(1)"), await bob.title());
  await openRoom(bob, first);
  await row(bob, said[0], "received");
  await until("the message to be read", async () => !(await bob.title()).startsWith("("));
  check("reading it clears the count", true);

  await say(bob, "and an answer from the second");
  await row(alice, said[1], "received");
  check("an answer comes back", true);

  const numbers = [await safetyNumber(alice), await safetyNumber(bob)];
  check("both see the same safety number of 60 digits", numbers[0] === numbers[1] && /^\d{60}$/.test(numbers[0]), numbers);

  for (let turn = 0; turn < 10; turn += 1) {
    await say(alice, `first ${turn}`);
    await say(bob, `second ${turn}`);
  }
  await row(alice, "second 9", "received");
  await row(bob, "first 9", "received");
  await row(alice, "first 9", "sent");
  await row(bob, "second 9", "sent");
  check("twenty messages crossed", true);

  // Written while the relay goes and comes: kept, and sent once it is back.
  const restarted = ready("restart");
  for (let turn = 0; turn < 5; turn += 1) {
    await say(alice, `first, while away ${turn}`);
    await say(bob, `second, while away ${turn}`);
  }
  await restarted;
  await row(alice, "first, while away 4", "sent", 40_000);
  await row(bob, "second, while away 4", "sent", 40_000);
  await row(alice, "second, while away 4", "received", 40_000);
  await row(bob, "first, while away 4", "received", 40_000);
  check("what was written meanwhile arrived after the restart", true);
  await say(alice, "we are back");
  await row(bob, "we are back", "received");

  sameHistory("after the restart", said, await history(alice), await history(bob));

  await alice.reload();
  await bob.reload();
  await row(alice, "we are back", "sent");
  await row(bob, "we are back", "received");
  sameHistory("after a reload", said, await history(alice), await history(bob));
});
