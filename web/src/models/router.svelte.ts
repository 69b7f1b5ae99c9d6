// Where the person is, as the address bar says it.
import type { Address } from "./platform.ts";

export type Route =
  | { name: "home" }
  | { name: "invite"; code: string }
  | { name: "room"; conversation: string };

/** What a path leads to; unknown ones lead home. */
export function routeOf(path: string): Route {
  const invite = /^\/invite\/([^/]+)\/?$/.exec(path);
  if (invite?.[1] !== undefined) return { name: "invite", code: decoded(invite[1]) };
  const room = /^\/chat\/([0-9a-f]{32})\/?$/.exec(path);
  if (room?.[1] !== undefined) return { name: "room", conversation: room[1] };
  return { name: "home" };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function roomPath(conversation: string): string {
  return `/chat/${conversation}`;
}

export class Router {
  route = $state.raw<Route>({ name: "home" });
  #address: Address;
  #end: () => void;

  constructor(address: Address) {
    this.#address = address;
    this.route = routeOf(address.path);
    this.#end = address.onchange(() => {
      this.route = routeOf(address.path);
    });
  }

  /** The conversation that is open. */
  get conversation(): string | null {
    return this.route.name === "room" ? this.route.conversation : null;
  }

  go(path: string): void {
    if (path === this.#address.path) return;
    this.#address.push(path);
    this.route = routeOf(path);
  }

  /** Instead of the current place: back does not lead here again. */
  replace(path: string): void {
    this.#address.replace(path);
    this.route = routeOf(path);
  }

  dispose(): void {
    this.#end();
  }
}
