import { expect, test } from "vitest";
import { conversation, FakeLeader, settled } from "../testing/fakes.ts";
import { BridgeClient, RequestError } from "./client.ts";
import type { Diff } from "./messages.ts";

const who = { type: "command", command: { type: "whoAmI" } } as const;
const register = { type: "register", name: "alice", password: "long enough", inviteCode: "code" } as const;

function connected() {
  const leader = new FakeLeader();
  const bridge = new BridgeClient(leader.channel(), "v1");
  return { leader, bridge };
}

function batch(leader: FakeLeader, epoch: string, sequence: number, ...diffs: Diff[]) {
  leader.tell({ to: "views", type: "batch", epoch, sequence, diffs });
}

test("a view asks for a snapshot and then follows the batches", () => {
  const { leader, bridge } = connected();
  expect(leader.hellos()).toBe(1);
  leader.snapshot("v1", "e1", 4, { phase: { type: "ready" } });
  expect(leader.hellos()).toBe(1);
  batch(leader, "e1", 5, { type: "link", link: "online" });
  expect(bridge.state.link).toBe("online");
  expect(bridge.state.phase.type).toBe("ready");
});

test("snapshots and answers for another view are not taken", async () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 0);
  leader.snapshot("v2", "e1", 7, { link: "online" });
  expect(bridge.state.link).toBe("connecting");
  let answered = false;
  void bridge.call(who).then(() => (answered = true));
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v2", call: 1, outcome: { ok: true, value: null } });
  await settled();
  expect(answered).toBe(false);
});

test("after a gap nothing is believed until a snapshot has come", () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 1);
  let resets = 0;
  bridge.listen({ reset: () => (resets += 1) });
  batch(leader, "e1", 3, { type: "link", link: "online" });
  expect(bridge.state.link).toBe("connecting");
  expect(leader.hellos()).toBe(2);
  batch(leader, "e1", 4, { type: "conversation", conversation: conversation() });
  expect(bridge.state.conversations).toEqual([]);
  leader.snapshot("v1", "e1", 4, { link: "online", conversations: [conversation()] });
  expect(resets).toBe(1);
  expect(bridge.state.conversations).toHaveLength(1);
  batch(leader, "e1", 5, { type: "link", link: "offline" });
  expect(bridge.state.link).toBe("offline");
});

test("a batch that a snapshot already holds is not taken twice", () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 5, { link: "online" });
  const steps: number[] = [];
  bridge.listen({ changed: (diffs) => steps.push(diffs.length) });
  batch(leader, "e1", 5, { type: "link", link: "offline" });
  expect(steps).toEqual([]);
  expect(bridge.state.link).toBe("online");
});

test("what one leader left unanswered is asked of the next, with the same call", async () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 0);
  const answer = bridge.call(who);
  const { call } = leader.last(() => true);
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  expect(leader.calls().map((asked) => asked.call)).toEqual([call, call]);
  expect(leader.hellos()).toBe(2);
  leader.tell({
    to: "views",
    type: "answer",
    epoch: "e2",
    view: "v1",
    call,
    outcome: { ok: true, value: { type: "done" } },
  });
  expect(await answer).toEqual({ type: "done" });
});

test("what came before there was any leader is asked once one leads", () => {
  const { leader, bridge } = connected();
  void bridge.call(register).catch(() => undefined);
  leader.tell({ to: "views", type: "leading", epoch: "e1" });
  expect(leader.calls()).toHaveLength(2);
});

test("an answered call is not asked again", async () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 0);
  const answer = bridge.call(who);
  leader.tell({ to: "views", type: "answer", epoch: "e1", view: "v1", call: 1, outcome: { ok: true, value: null } });
  await answer;
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  expect(leader.calls()).toHaveLength(1);
});

test("a registration is not repeated by another leader", async () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 0);
  const answer = bridge.call(register);
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  await expect(answer).rejects.toThrow(RequestError);
  expect(leader.calls()).toHaveLength(1);
});

test("a former leader is not followed again", () => {
  const { leader, bridge } = connected();
  leader.snapshot("v1", "e1", 3);
  leader.tell({ to: "views", type: "leading", epoch: "e2" });
  leader.snapshot("v1", "e2", 0, { link: "online" });
  batch(leader, "e1", 4, { type: "link", link: "offline" });
  expect(bridge.state.link).toBe("online");
});
