// The leader's one socket: binary messages, and again after every loss.

/** What of a WebSocket is used; tests put another in its place. */
export interface RawSocket {
  binaryType: string;
  readyState: number;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export interface SocketParts {
  connect(): RawSocket;
  setTimer(run: () => void, milliseconds: number): number;
  clearTimer(timer: number): void;
  /** Below one, and at least zero. */
  random(): number;
  /** A connection stands; `send` speaks on this one only, and drops what comes
   *  after its end: the machine sends again what matters. */
  opened(send: (frame: Uint8Array) => void): void;
  received(frame: Uint8Array): void;
  /** The socket is gone, or could not be opened. */
  lost(): void;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;
const OPEN = 1;
/** The server restarts: everybody comes back at once unless each waits a
 *  different while. */
const CLOSE_RESTART = 1012;
const RESTART_SPREAD_MS = 1_000;
/** A server that does not answer the handshake is a lost connection. */
const OPENING_LIMIT_MS = 10_000;

/** The wait before the nth attempt after a loss, half of it drawn. */
export function delay(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return longest / 2 + (longest / 2) * random;
}

export class Socket {
  #parts: SocketParts;
  #socket: RawSocket | null = null;
  #timer: number | null = null;
  #opening: number | null = null;
  #attempt = 0;
  #stopped = true;

  constructor(parts: SocketParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#stopped = false;
    this.#connect();
  }

  /** For good, until the next start. */
  stop(): void {
    this.#stopped = true;
    this.#forgetTimers();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      release(socket);
      socket.close();
      this.#parts.lost();
    }
  }

  /** The server let this device in: the next loss begins with a short wait. */
  settled(): void {
    this.#attempt = 0;
  }

  /** The person or the network came back: try now. */
  wake(): void {
    if (this.#stopped || this.#socket !== null) return;
    this.#attempt = 0;
    this.#forgetTimers();
    this.#connect();
  }

  /** The machine wants another connection. */
  close(): void {
    this.#gone(0);
  }

  #connect(): void {
    if (this.#stopped || this.#socket !== null) return;
    const socket = this.#parts.connect();
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#opening = this.#parts.setTimer(() => this.#gone(0), OPENING_LIMIT_MS);
    socket.onopen = () => {
      this.#forgetTimers();
      this.#parts.opened((frame) => {
        // A copy: the frame may be a view into WebAssembly memory.
        if (socket.readyState === OPEN) socket.send(frame.slice());
      });
    };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#parts.received(new Uint8Array(data));
    };
    socket.onclose = ({ code }) => this.#gone(code);
  }

  #gone(code: number): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    release(socket);
    socket.close();
    this.#forgetTimers();
    this.#parts.lost();
    if (this.#stopped) return;
    const spread = code === CLOSE_RESTART ? this.#parts.random() * RESTART_SPREAD_MS : 0;
    const wait = delay(this.#attempt, this.#parts.random()) + spread;
    this.#attempt += 1;
    this.#timer = this.#parts.setTimer(() => {
      this.#timer = null;
      this.#connect();
    }, wait);
  }

  #forgetTimers(): void {
    if (this.#timer !== null) this.#parts.clearTimer(this.#timer);
    if (this.#opening !== null) this.#parts.clearTimer(this.#opening);
    this.#timer = null;
    this.#opening = null;
  }
}

/** A socket that was given up must not speak any more. */
function release(socket: RawSocket): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
}
