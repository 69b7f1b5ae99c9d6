// The device's store in the browser: IndexedDB, with every value sealed. The
// key is made by the browser, cannot be exported, and is kept in the same
// database as an object that only the browser can use. So a copy of the values
// alone reads nothing; whoever can run code in this origin can use the key, and
// a copy of the whole browser profile holds it too. SECURITY.md says so.
//
// A sealed value: version 1 (1 byte) ‖ nonce (12 bytes) ‖ AES-256-GCM of the
// value, with table ‖ key as associated data. No table's name begins with
// another's, so table ‖ key reads in one way only: a value that is moved to
// another place does not open there. Nonces are random: below 2^32 writes under
// one key, which a device does not reach, none repeats but with a chance below
// 2^-32.
import { answered, committed, opened } from "./database.ts";
import type { Change, Query, StoredRecord } from "./machine.ts";
import { MACHINE_TABLES } from "./machine.ts";

const DATABASE = "chatalot";
const DATABASE_VERSION = 1;
/** Holds the store key itself. */
const KEYS = "store-key";
const KEY_NAME = "v1";
/** Texts that are being written; the leader's own table, not the machine's. */
export const DRAFTS = "draft";
const TABLES: readonly string[] = [...MACHINE_TABLES, DRAFTS];

const FORMAT_VERSION = 1;
const NONCE_BYTES = 12;

/** A stored value that does not open: damaged, moved, or of a later version. */
export class SealError extends Error {
  constructor(table: string, options?: ErrorOptions) {
    super(`a stored value of table ${table} does not open`, options);
    this.name = "SealError";
  }
}

export class SealedStore {
  #database: IDBDatabase;
  #key: CryptoKey;

  private constructor(database: IDBDatabase, key: CryptoKey) {
    this.#database = database;
    this.#key = key;
    // A later version of this program wants to change the layout.
    database.onversionchange = () => database.close();
  }

  /** Opens the store, and makes it and its key where there is none. */
  static async open(factory: IDBFactory): Promise<SealedStore> {
    const database = await opened(factory, DATABASE, DATABASE_VERSION, [...TABLES, KEYS]);
    const known = await answered<CryptoKey | undefined>(
      database.transaction(KEYS, "readonly").objectStore(KEYS).get(KEY_NAME),
    );
    if (known !== undefined) return new SealedStore(database, known);
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const writing = database.transaction(KEYS, "readwrite", { durability: "strict" });
    writing.objectStore(KEYS).add(key, KEY_NAME);
    await committed(writing);
    return new SealedStore(database, key);
  }

  /** Stores all of these or none; when it returns, they are on the disk. */
  async apply(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    // Sealed before the transaction begins: a transaction that waits for
    // anything but its own requests ends by itself.
    const sealed = await Promise.all(
      changes.map(async ({ table, key, value }) => ({
        table,
        key,
        value: value === null ? null : await this.#seal(table, key, value),
      })),
    );
    const tables = [...new Set(sealed.map((change) => change.table))];
    const writing = this.#database.transaction(tables, "readwrite", { durability: "strict" });
    const done = committed(writing);
    for (const { table, key, value } of sealed) {
      const store = writing.objectStore(table);
      if (value === null) store.delete(buffer(key));
      else store.put(value, buffer(key));
    }
    await done;
  }

  /** All records of these tables. */
  async all(tables: readonly string[]): Promise<StoredRecord[]> {
    const reading = this.#database.transaction([...tables], "readonly");
    const found = await Promise.all(
      tables.map(async (table) => {
        const store = reading.objectStore(table);
        const [keys, values] = await Promise.all([answered(store.getAllKeys()), answered(store.getAll())]);
        return keys.map((key, index) => ({ table, key: bytes(key), sealed: values[index] as unknown }));
      }),
    );
    return Promise.all(found.flat().map((record) => this.#open(record)));
  }

  /** The records that a question of the machine names, in the order it asked for. */
  async query(query: Query): Promise<StoredRecord[]> {
    const store = this.#database.transaction(query.table, "readonly").objectStore(query.table);
    if ("keys" in query) {
      const values = await Promise.all(query.keys.map((key) => answered<unknown>(store.get(buffer(key)))));
      const found = query.keys.flatMap((key, index) =>
        values[index] === undefined ? [] : [{ table: query.table, key, sealed: values[index] }],
      );
      return Promise.all(found.map((record) => this.#open(record)));
    }
    const { prefix, before, after, limit, descending } = query;
    const range = keyRange(prefix, before, after);
    if (range === null || limit === 0) return [];
    const found: { table: string; key: Uint8Array; sealed: unknown }[] = [];
    await new Promise<void>((resolve, reject) => {
      const cursors = store.openCursor(range, descending ? "prev" : "next");
      cursors.onerror = () => reject(cursors.error ?? new Error("the database request failed"));
      cursors.onsuccess = () => {
        const cursor = cursors.result;
        if (cursor === null) return resolve();
        found.push({ table: query.table, key: bytes(cursor.key), sealed: cursor.value as unknown });
        if (found.length >= limit) return resolve();
        cursor.continue();
      };
    });
    return Promise.all(found.map((record) => this.#open(record)));
  }

  close(): void {
    this.#database.close();
  }

  async #seal(table: string, key: Uint8Array, value: Uint8Array): Promise<Uint8Array> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv: nonce, additionalData: associated(table, key) },
      this.#key,
      value as Uint8Array<ArrayBuffer>,
    );
    const out = new Uint8Array(1 + NONCE_BYTES + sealed.byteLength);
    out[0] = FORMAT_VERSION;
    out.set(nonce, 1);
    out.set(new Uint8Array(sealed), 1 + NONCE_BYTES);
    return out;
  }

  async #open({ table, key, sealed }: { table: string; key: Uint8Array; sealed: unknown }): Promise<StoredRecord> {
    if (!(sealed instanceof Uint8Array) || sealed[0] !== FORMAT_VERSION) throw new SealError(table);
    const stored = sealed as Uint8Array<ArrayBuffer>;
    try {
      const value = await crypto.subtle.decrypt(
        { name: "AES-GCM", iv: stored.subarray(1, 1 + NONCE_BYTES), additionalData: associated(table, key) },
        this.#key,
        stored.subarray(1 + NONCE_BYTES),
      );
      return { table, key, value: new Uint8Array(value) };
    } catch (cause) {
      throw new SealError(table, { cause });
    }
  }
}

function associated(table: string, key: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(table);
  const out = new Uint8Array(name.length + key.length);
  out.set(name);
  out.set(key, name.length);
  return out;
}

/** Keys are stored as whole buffers; a view into WebAssembly memory would take
 *  all of that memory along. */
function buffer(key: Uint8Array): ArrayBuffer {
  return key.slice().buffer;
}

function bytes(key: IDBValidKey): Uint8Array {
  if (key instanceof ArrayBuffer) return new Uint8Array(key);
  if (ArrayBuffer.isView(key)) return new Uint8Array(key.buffer, key.byteOffset, key.byteLength).slice();
  throw new TypeError("a key of the store is not bytes");
}

function compare(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The first key after all those with this prefix; null when there is none. */
function end(prefix: Uint8Array): Uint8Array | null {
  for (let length = prefix.length; length > 0; length -= 1) {
    const last = prefix[length - 1] ?? 0;
    if (last === 0xff) continue;
    const out = prefix.slice(0, length);
    out[length - 1] = last + 1;
    return out;
  }
  return null;
}

/** Null when no key can be in it: the browser refuses to make such a range. */
function keyRange(
  prefix: Uint8Array,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): IDBKeyRange | null {
  const afterWins = after !== undefined && compare(after, prefix) >= 0;
  const lower = afterWins ? after : prefix;
  const last = end(prefix);
  const upper = before === undefined ? last : last === null || compare(before, last) < 0 ? before : last;
  if (upper === null) return IDBKeyRange.lowerBound(buffer(lower), afterWins);
  const order = compare(lower, upper);
  if (order > 0 || order === 0) return null;
  return IDBKeyRange.bound(buffer(lower), buffer(upper), afterWins, true);
}
