// All models of one tab, made and ended together.
import type { Bridge } from "../bridge/client.ts";
import { t } from "../strings/index.ts";
import { Attention } from "./attention.svelte.ts";
import { Commands } from "./commands.svelte.ts";
import { Composer } from "./composer.svelte.ts";
import { Dialogs, InvitePeople, NewMessage, Verify } from "./dialogs.svelte.ts";
import { Drafts } from "./drafts.svelte.ts";
import type { Platform } from "./platform.ts";
import { Register } from "./register.svelte.ts";
import { Rooms } from "./rooms.svelte.ts";
import { roomPath, Router } from "./router.svelte.ts";
import { Session } from "./session.svelte.ts";
import { SignIn } from "./sign_in.svelte.ts";
import { Switcher } from "./switcher.svelte.ts";
import type { Theme } from "./theme.svelte.ts";
import { Timeline } from "./timeline.svelte.ts";
import { Toasts } from "./toasts.svelte.ts";

/** One conversation as it is open. */
export interface Room {
  timeline: Timeline;
  composer: Composer;
}

export class App {
  readonly session: Session;
  readonly rooms: Rooms;
  readonly router: Router;
  readonly drafts: Drafts;
  readonly dialogs = new Dialogs();
  readonly toasts: Toasts;
  readonly attention: Attention;
  readonly theme: Theme;
  readonly commands: Commands;
  readonly platform: Platform;
  /** The present instant, refreshed once a minute: "Today" must not grow old. */
  now = $state(0);
  /** Conversations whose record on the server does not add up. */
  contradicted = $state.raw<ReadonlySet<string>>(new Set());

  title = $derived.by(() => {
    const room = this.router.conversation === null ? null : this.rooms.find(this.router.conversation);
    const values = { count: this.rooms.unread, room: room?.title ?? "" };
    if (room === null) return this.rooms.unread > 0 ? t("app.titleUnread", values) : t("app.name");
    return t(this.rooms.unread > 0 ? "app.titleRoomUnread" : "app.titleRoom", values);
  });

  #bridge: Bridge;
  #room: Room | null = null;
  #end: () => void;
  #cancelMinute: () => void = () => undefined;

  constructor(bridge: Bridge, platform: Platform, theme: Theme) {
    this.#bridge = bridge;
    this.platform = platform;
    this.theme = theme;
    this.attention = new Attention();
    this.session = new Session(bridge, platform.clock, platform.settings);
    this.rooms = new Rooms(bridge);
    this.router = new Router(platform.address);
    this.drafts = new Drafts(bridge, platform.clock);
    this.toasts = new Toasts(platform.clock);
    this.commands = new Commands(this.#commandList());
    this.#minute();
    this.#end = bridge.listen({
      changed: (diffs) => {
        for (const diff of diffs) {
          if (diff.type === "identityChanged") this.toasts.show(t("toast.identityChanged", { name: diff.name }));
          if (diff.type === "historyBroken") {
            this.contradicted = new Set([...this.contradicted, diff.conversation]);
            this.toasts.show(t("toast.historyBroken"));
          }
        }
      },
    });
  }

  /** The models of a conversation. The one that was open before is left. */
  openRoom(conversation: string): Room | null {
    const me = this.session.me;
    this.#room?.timeline.dispose();
    this.#room = null;
    if (me === null) return null;
    const timeline = new Timeline(conversation, {
      bridge: this.#bridge,
      platform: this.platform,
      rooms: this.rooms,
      attention: this.attention,
      me,
      arrived: (row) => {
        const text = row.kind === "unreadable" ? t("message.unreadable") : row.text;
        this.toasts.speak(t("message.announce", { from: row.from.name, text }));
      },
    });
    const { drafts, rooms, session } = this;
    this.#room = { timeline, composer: new Composer({ drafts, rooms, session, timeline }) };
    return this.#room;
  }

  closeRoom(conversation: string): void {
    if (this.#room?.timeline.conversation !== conversation) return;
    this.#room.timeline.dispose();
    this.#room = null;
  }

  go(conversation: string): void {
    this.router.go(roomPath(conversation));
  }

  register(code: string): Register {
    return new Register(this.#bridge, code, () => this.router.replace("/"));
  }

  signIn(): SignIn {
    return new SignIn(this.#bridge);
  }

  switcher(): Switcher {
    return new Switcher(
      this.rooms,
      this.commands,
      (id) => this.go(id),
      () => this.dialogs.close(),
    );
  }

  newMessage(): void {
    const model = new NewMessage(this.#bridge, this.session.me?.name ?? "", (conversation) => {
      this.rooms.take(conversation);
      this.dialogs.close();
      this.go(conversation.id);
    });
    this.dialogs.show({ type: "newMessage", model });
  }

  invitePeople(): void {
    this.dialogs.show({ type: "invitePeople", model: new InvitePeople(this.#bridge, this.platform) });
  }

  verify(conversation: string): void {
    const room = this.rooms.find(conversation);
    if (room === null) return;
    this.dialogs.show({ type: "verify", model: new Verify(this.#bridge, this.platform, room.peer) });
  }

  dispose(): void {
    this.#cancelMinute();
    this.#end();
    this.#room?.timeline.dispose();
    this.drafts.dispose();
    this.router.dispose();
    this.rooms.dispose();
    this.session.dispose();
  }

  #minute(): void {
    this.now = this.platform.clock.now();
    this.#cancelMinute = this.platform.clock.after(60_000, () => this.#minute());
  }

  #commandList() {
    const ready = () => this.session.phase.type === "ready";
    const inRoom = () => ready() && this.router.conversation !== null;
    const beside = (step: 1 | -1) => {
      const room = this.rooms.beside(this.router.conversation, step);
      if (room !== null) this.go(room.id);
    };
    return [
      {
        id: "switcher",
        title: "command.switcher",
        group: "go",
        keys: ["mod+k"],
        palette: "hidden",
        when: ready,
        run: () => this.dialogs.show({ type: "switcher" }),
      },
      {
        id: "nextRoom",
        title: "command.nextRoom",
        group: "go",
        keys: ["alt+ArrowDown"],
        palette: "hidden",
        when: ready,
        run: () => beside(1),
      },
      {
        id: "previousRoom",
        title: "command.previousRoom",
        group: "go",
        keys: ["alt+ArrowUp"],
        palette: "hidden",
        when: ready,
        run: () => beside(-1),
      },
      {
        id: "nextUnread",
        title: "command.nextUnread",
        group: "go",
        keys: ["alt+shift+ArrowDown"],
        palette: "listed",
        when: ready,
        run: () => {
          const room = this.rooms.nextUnread(this.router.conversation);
          if (room !== null) this.go(room.id);
        },
      },
      {
        id: "markRead",
        title: "command.markRead",
        group: "go",
        keys: ["Escape"],
        palette: "hidden",
        when: () => inRoom() && this.dialogs.open === null,
        run: () => this.#room?.timeline.finish(),
      },
      { id: "messages", title: "command.messages", group: "go", keys: ["ArrowUp", "ArrowDown"], palette: "hidden" },
      { id: "send", title: "command.send", group: "write", keys: ["Enter"], palette: "hidden" },
      { id: "newLine", title: "command.newLine", group: "write", keys: ["shift+Enter"], palette: "hidden" },
      {
        id: "newMessage",
        title: "command.newMessage",
        group: "app",
        keys: ["alt+n"],
        palette: "listed",
        when: ready,
        run: () => this.newMessage(),
      },
      {
        id: "invitePeople",
        title: "command.invitePeople",
        group: "app",
        keys: ["alt+i"],
        palette: "listed",
        when: ready,
        run: () => this.invitePeople(),
      },
      {
        id: "verify",
        title: "command.verify",
        group: "app",
        keys: [],
        palette: "listed",
        when: inRoom,
        run: () => {
          if (this.router.conversation !== null) this.verify(this.router.conversation);
        },
      },
      {
        id: "theme",
        title: "command.theme",
        group: "app",
        keys: [],
        palette: "listed",
        run: () => this.theme.toggle(),
      },
      {
        id: "help",
        title: "command.help",
        group: "app",
        keys: ["mod+/"],
        palette: "listed",
        run: () => this.dialogs.show({ type: "help" }),
      },
    ] as const satisfies ConstructorParameters<typeof Commands>[0];
  }
}
