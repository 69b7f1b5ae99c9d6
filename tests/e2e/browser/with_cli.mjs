// The browser's side of a talk with the command line. The caller says on stdin
// what to do, one JSON object a line, and reads facts and rows on stdout.
//
//   node with_cli.mjs --invite URL --name NAME
//
//   {"do":"open","name":N}      opens the conversation with N by exact name
//   {"do":"room","name":N}      opens the conversation that stands in the list
//   {"do":"send","text":T}      sends, and waits for the acknowledgement
//   {"do":"expect","text":T}    waits until somebody else's message is shown
//   {"do":"number"}             answers {"safety_number":DIGITS}
//   {"do":"history"}            answers {"history":[{"text","own","state"}…]}
//   {"do":"invite"}             answers {"invite":URL}
//   {"do":"reload"}             loads the page again
//   {"do":"end"}                closes the browser
//
// Every line is answered by one line, {"done":"what",…}.
import { check, history, inviteLink, line, openRoom, options, register, row, safetyNumber, say, scenario, send, writeTo } from "./lib.mjs";

const { invite, name = "alice" } = options(["invite", "name"]);

const DEEDS = {
  open: async (page, { name: peer }) => void (await writeTo(page, peer)),
  room: async (page, { name: peer }) => void (await openRoom(page, peer)),
  async send(page, { text }) {
    await send(page, text);
    await row(page, text, "sent");
  },
  expect: async (page, { text }) => void (await row(page, text, "received")),
  number: async (page) => ({ safety_number: await safetyNumber(page) }),
  history: async (page) => ({ history: (await history(page)).map(({ text, own, state }) => ({ text, own, state })) }),
  invite: async (page) => ({ invite: (await inviteLink(page)).link }),
  reload: async (page) => void (await page.reload()),
};

await scenario(async ({ profile }) => {
  const { page } = await profile(name);
  await register(page, invite, name);
  say({ done: "register", name });
  for (let told = await line(); told !== null; told = await line()) {
    const order = JSON.parse(told);
    if (order.do === "end") return;
    const deed = DEEDS[order.do];
    if (deed === undefined) throw new Error(`unknown order: ${told}`);
    const answer = await deed(page, order);
    check(`${order.do} ${order.text ?? order.name ?? ""}`.trim(), true);
    say({ done: order.do, ...answer });
  }
});
