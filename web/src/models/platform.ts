// What models need of the browser, handed in so that tests can stand in for it.

/** Time. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs once after so many milliseconds, unless the returned function is called. */
  after(milliseconds: number, run: () => void): () => void;
}

/** Small settings of this browser; never anything secret. */
export interface Settings {
  get(name: string): string | null;
  set(name: string, value: string | null): void;
}

/** The address bar. */
export interface Address {
  readonly path: string;
  readonly origin: string;
  push(path: string): void;
  replace(path: string): void;
  /** Calls back when the person goes back or forward. */
  onchange(run: () => void): () => void;
}

export interface Platform {
  clock: Clock;
  settings: Settings;
  address: Address;
  /** So many random bytes as hex. */
  randomHex(bytes: number): string;
  copy(text: string): Promise<void>;
  /** Asks the browser not to clear this site's storage when space runs short. */
  keepStorage(): void;
  reload(): void;
}
