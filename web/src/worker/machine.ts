// The client machine as its WebAssembly bindings (client/wasm) present it. The
// interfaces are written down here, so that the driver's tests need no
// WebAssembly; loadMachine checks nothing but that the module is there.

/** One record of the store. */
export interface StoredRecord {
  table: string;
  key: Uint8Array;
  value: Uint8Array;
}

/** One change of the store; a null value removes the record. */
export interface Change {
  table: string;
  key: Uint8Array;
  value: Uint8Array | null;
}

/** A question to the store. */
export type Query =
  | { table: string; keys: Uint8Array[] }
  | {
      table: string;
      prefix: Uint8Array;
      before?: Uint8Array | undefined;
      after?: Uint8Array | undefined;
      limit: number;
      descending: boolean;
    };

/** What the driver does for the machine, strictly in the order given. */
export type Effect =
  | { type: "persist"; changes: Change[] }
  | { type: "load"; load: number; query: Query }
  | { type: "transmit"; frame: Uint8Array }
  /** `ok` is a Reply, `error` a Failure, as JSON. */
  | { type: "answer"; id: number; ok?: string; error?: string }
  /** An Event as JSON. */
  | { type: "event"; event: string }
  | { type: "close"; reason: string };

/** The machine of one device. */
export interface Machine {
  connected(): Effect[];
  disconnected(): Effect[];
  frame(bytes: Uint8Array): Effect[];
  loaded(load: number, records: StoredRecord[]): Effect[];
  /** Throws when the JSON is not a Command. */
  command(id: number, json: string): Effect[];
  tick(): Effect[];
  free(): void;
}

/** An account that is about to be made. */
export interface Registration {
  /** The JSON body of POST /api/v1/accounts. */
  request(): string;
  /** What to store once the server has answered. */
  finish(serverUrl: string, responseJson: string): Change[];
  free(): void;
}

/** The loaded module. */
export interface MachineModule {
  openMachine(records: StoredRecord[]): Machine;
  beginRegistration(name: string, password: string, inviteCode: string): Registration;
  /** What to store once the server has let this device in again; `records` are
   *  those that a machine is opened with. */
  signInAgain(records: StoredRecord[], responseJson: string): Change[];
}

/** The tables that a machine is opened with; the others it asks for. */
export const TABLES_AT_OPEN = ["device", "peer", "conversation", "outbox"] as const;
/** All tables of the machine. */
export const MACHINE_TABLES = [...TABLES_AT_OPEN, "session", "message"] as const;

/** Fetches and compiles the module. */
export async function loadMachine(): Promise<MachineModule> {
  const bindings = await import("./wasm/chat_client_wasm.js");
  // Said here and not in the generated file, so that the bundler sees the
  // module and gives it a name by its content.
  await bindings.default({ module_or_path: new URL("./wasm/chat_client_wasm_bg.wasm", import.meta.url) });
  return {
    openMachine: (records) => new bindings.Machine(records as never[]) as Machine,
    beginRegistration: (name, password, inviteCode) =>
      new bindings.Registration(name, password, inviteCode) as Registration,
    signInAgain: (records, responseJson) => bindings.signInAgain(records as never[], responseJson) as Change[],
  };
}
