// Leads: opens the store, the machine and the socket of this browser profile,
// and answers the views of every tab. There is one leader at a time, because
// the Web Lock has one holder; see worker.ts.
import type { BridgeFailure, Channel, Me, Outcome, Replies, Request, ToLeader } from "../bridge/messages.ts";
import type { Command, Event } from "../bridge/types.ts";
import type { CommandOutcome } from "./driver.ts";
import { Driver } from "./driver.ts";
import type { Change, Machine, MachineModule, Query, StoredRecord } from "./machine.ts";
import { TABLES_AT_OPEN } from "./machine.ts";
import { Publisher } from "./publisher.ts";
import { DRAFTS } from "./sealed_store.ts";
import type { Fetch } from "./server.ts";
import { inviteInfo, register, ServerError, signIn } from "./server.ts";
import type { SocketParts } from "./socket.ts";
import { Socket } from "./socket.ts";

export interface LeaderStore {
  all(tables: readonly string[]): Promise<StoredRecord[]>;
  apply(changes: readonly Change[]): Promise<void>;
  query(query: Query): Promise<StoredRecord[]>;
}

export interface LeaderParts {
  channel: Channel;
  epoch: string;
  openStore(): Promise<LeaderStore>;
  loadMachine(): Promise<MachineModule>;
  fetch: Fetch;
  /** The address that this program came from; the machine keeps it. */
  serverUrl: string;
  socket: Pick<SocketParts, "connect" | "setTimer" | "clearTimer" | "random">;
  /** Calls back about every second, for as long as this leads. */
  everySecond(run: () => void): void;
  log(message: string, cause: unknown): void;
}

/** A machine that fails at once again and again would only wear the disk. */
const FAILURES_IN_A_ROW = 3;

type Call = Extract<ToLeader, { type: "call" }>;

export class Leader {
  #parts: LeaderParts;
  #views: Publisher;
  #socket: Socket;
  #store: LeaderStore | null = null;
  #driver: Driver | null = null;
  /** Calls that came while the store and the machine were not open yet. */
  #early: Call[] | null = [];
  #failures = 0;
  #registering = false;
  /** Whoever opens the machine anew waits here for the one before: there must
   *  never be two machines of one device. */
  #openings: Promise<void> = Promise.resolve();

  constructor(parts: LeaderParts) {
    this.#parts = parts;
    this.#views = new Publisher(parts.channel, parts.epoch);
    this.#socket = new Socket({
      ...parts.socket,
      opened: (send) => this.#driver?.connected(send),
      received: (frame) => this.#driver?.frame(frame),
      lost: () => {
        this.#driver?.disconnected();
        this.#views.add({ type: "link", link: "offline" });
        this.#views.flush();
      },
    });
    parts.channel.onmessage = ({ data }) => {
      if (data.to === "leader") this.#take(data);
    };
    parts.everySecond(() => this.#driver?.tick());
  }

  async lead(): Promise<void> {
    this.#views.lead();
    try {
      this.#store = await this.#parts.openStore();
      await this.#restoreDrafts(this.#store);
      await this.#open(this.#store);
    } catch (cause) {
      this.#fail("store", cause);
    }
    this.#serveEarly();
  }

  #serveEarly(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const call of early) void this.#serve(call);
  }

  #take(message: ToLeader): void {
    switch (message.type) {
      case "hello":
        this.#views.snapshot(message.view);
        return;
      case "wake":
        this.#socket.wake();
        return;
      case "call":
        if (!this.#views.first(message.view, message.call)) return;
        if (this.#early !== null) this.#early.push(message);
        else void this.#serve(message);
        return;
    }
  }

  async #restoreDrafts(store: LeaderStore): Promise<void> {
    for (const { key, value } of await store.all([DRAFTS])) {
      const text = new TextDecoder().decode(value);
      this.#views.add({ type: "draft", conversation: hex(key), text, was: "", by: "" });
    }
  }

  /** Opens the machine from what is stored, if there is a device. */
  async #open(store: LeaderStore): Promise<void> {
    const records = await store.all(TABLES_AT_OPEN);
    if (!records.some((record) => record.table === "device")) {
      this.#views.add({ type: "phase", phase: { type: "noAccount" } });
      this.#views.flush();
      return;
    }
    let machine: Machine;
    try {
      const { openMachine } = await this.#parts.loadMachine();
      machine = openMachine(records);
    } catch (cause) {
      return this.#fail("machine", cause);
    }
    const driver = new Driver({
      machine,
      store,
      closeConnection: () => this.#socket.close(),
      event: (event) => this.#happened(event),
      settled: () => this.#views.flush(),
      broken: (cause) => {
        this.#driver = null;
        this.#socket.stop();
        void this.#alone(() => this.#reopen(store, cause));
      },
    });
    this.#driver = driver;
    try {
      const me = await ask(driver, { type: "whoAmI" }, "whoAmI");
      const { conversations } = await ask(driver, { type: "conversations" }, "conversations");
      this.#views.add({ type: "me", me: meOf(me) });
      for (const conversation of conversations) this.#views.add({ type: "conversation", conversation });
      this.#views.add({ type: "phase", phase: { type: "ready" } });
      this.#views.flush();
      this.#socket.start();
    } catch (cause) {
      // A driver that broke by itself has begun to open anew already.
      if (this.#driver === driver) this.#fail("machine", cause);
    }
  }

  /** The machine may be ahead of the disk: it is dropped, and what is stored is
   *  the truth. Nothing that left the device depends on what was not stored. */
  async #reopen(store: LeaderStore, cause: unknown): Promise<void> {
    this.#parts.log("the machine is opened anew", cause);
    this.#failures += 1;
    if (this.#failures >= FAILURES_IN_A_ROW) return this.#fail("store", cause);
    await this.#open(store).catch((again: unknown) => this.#fail("store", again));
  }

  #alone(run: () => Promise<void>): Promise<void> {
    const done = this.#openings.then(run);
    this.#openings = done.catch(() => undefined);
    return done;
  }

  #fail(part: "store" | "machine", cause: unknown): void {
    this.#parts.log(`the ${part} does not open`, cause);
    void this.#driver?.stop();
    this.#driver = null;
    this.#socket.stop();
    const detail = cause instanceof Error ? cause.message : String(cause);
    this.#views.add({ type: "phase", phase: { type: "broken", part, detail } });
    this.#views.flush();
  }

  #happened(event: Event): void {
    switch (event.type) {
      case "message":
        this.#views.add({ type: "row", row: event.row });
        return;
      case "online":
        this.#failures = 0;
        this.#socket.settled();
        this.#views.add({ type: "link", link: "online" });
        return;
      case "signedOut":
        // The server has said its last word on this session.
        this.#views.add({ type: "signedOut", reason: event.reason });
        this.#socket.stop();
        return;
      case "conversation":
      case "identityChanged":
      case "historyBroken":
        this.#views.add(event);
        return;
    }
  }

  async #serve({ view, call, request }: Call): Promise<void> {
    let outcome: Outcome;
    try {
      outcome = { ok: true, value: await this.#do(request, view) };
    } catch (cause) {
      outcome = { ok: false, failure: this.#failureOf(cause) };
    }
    this.#views.answer(view, call, outcome);
  }

  async #do(request: Request, view: string): Promise<Replies[Request["type"]]> {
    switch (request.type) {
      case "command":
        return this.#command(request.command);
      case "register":
        return this.#register(request);
      case "signIn":
        return this.#signIn(request.password);
      case "inviteInfo":
        return inviteInfo(this.#parts.fetch, request.code);
      case "saveDraft":
        return this.#saveDraft(request, view);
    }
  }

  async #command(command: Command): Promise<Replies["command"]> {
    if (this.#driver === null) throw new ServerError(withoutMachine(this.#views.state.phase.type));
    const outcome = await answerOf(this.#driver, command);
    if (outcome.ok) return outcome.reply;
    throw new ServerError(outcome.failure);
  }

  async #register(request: Extract<Request, { type: "register" }>): Promise<Replies["register"]> {
    const store = this.#store;
    if (store === null) throw new ServerError(withoutMachine("broken"));
    if (this.#driver !== null || this.#registering) {
      throw new ServerError({ code: "account_exists", reason: null, message: "this browser has an account" });
    }
    this.#registering = true;
    try {
      const { beginRegistration } = await this.#parts.loadMachine();
      const registration = beginRegistration(request.name, request.password, request.inviteCode);
      const response = await register(this.#parts.fetch, registration.request());
      await store.apply(registration.finish(this.#parts.serverUrl, response));
      registration.free();
      await this.#open(store);
      return { name: this.#views.state.me?.name ?? request.name };
    } finally {
      this.#registering = false;
    }
  }

  /** A new session for this device. Doing it twice only makes one session more,
   *  so a next leader may be asked again. */
  async #signIn(password: string): Promise<Replies["signIn"]> {
    const store = this.#store;
    const { me, phase } = this.#views.state;
    if (store === null || me === null || this.#driver === null) throw new ServerError(withoutMachine(phase.type));
    const response = await signIn(this.#parts.fetch, me.name, password, me.device);
    await this.#alone(() => this.#openSignedIn(store, response));
    return { name: me.name };
  }

  /** The machine knows its token from the store alone: the new one is put there,
   *  and the machine opened anew. Calls wait meanwhile. */
  async #openSignedIn(store: LeaderStore, response: string): Promise<void> {
    this.#early ??= [];
    const driver = this.#driver;
    this.#driver = null;
    this.#socket.stop();
    // What the old machine has begun to write must not end up over the new one.
    await driver?.stop();
    try {
      const { signInAgain } = await this.#parts.loadMachine();
      await store.apply(signInAgain(await store.all(TABLES_AT_OPEN), response));
      this.#views.add({ type: "signedOut", reason: null });
    } finally {
      // Also when the answer was of no use: what is stored can still be read.
      await this.#open(store).catch((cause: unknown) => this.#fail("store", cause));
      this.#serveEarly();
    }
  }

  async #saveDraft(draft: Extract<Request, { type: "saveDraft" }>, by: string): Promise<null> {
    const { conversation, text, was } = draft;
    const value = text === "" ? null : new TextEncoder().encode(text);
    await this.#store?.apply([{ table: DRAFTS, key: unhex(conversation), value }]);
    this.#views.add({ type: "draft", conversation, text, was, by });
    return null;
  }

  #failureOf(cause: unknown): BridgeFailure {
    if (cause instanceof ServerError) return cause.failure;
    this.#parts.log("a request failed", cause);
    return { code: "internal", reason: null, message: cause instanceof Error ? cause.message : String(cause) };
  }
}

function answerOf(driver: Driver, command: Command): Promise<CommandOutcome> {
  return new Promise((resolve) => driver.command(JSON.stringify(command), resolve));
}

/** A question that an open machine always answers. */
async function ask<T extends Replies["command"]["type"]>(
  driver: Driver,
  command: Command,
  type: T,
): Promise<Extract<Replies["command"], { type: T }>> {
  const outcome = await answerOf(driver, command);
  if (!outcome.ok) throw new ServerError(outcome.failure);
  if (outcome.reply.type !== type) throw new Error(`the machine answered ${outcome.reply.type} to ${type}`);
  return outcome.reply as Extract<Replies["command"], { type: T }>;
}

function withoutMachine(phase: string): BridgeFailure {
  return phase === "noAccount"
    ? { code: "no_account", reason: null, message: "there is no account in this browser" }
    : { code: "store", reason: null, message: "the store of this browser does not open" };
}

function meOf({ account, device, name, server }: Me): Me {
  return { account, device, name, server };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
