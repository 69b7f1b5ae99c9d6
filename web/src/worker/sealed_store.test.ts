import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, test } from "vitest";
import { answered, opened } from "./database.ts";
import { SealedStore, SealError } from "./sealed_store.ts";

let factory: IDBFactory;
let store: SealedStore;

beforeEach(async () => {
  factory = new IDBFactory();
  store = await SealedStore.open(factory);
});

const bytes = (...values: number[]) => new Uint8Array(values);
const text = (value: string) => new TextEncoder().encode(value);

async function raw(table: string): Promise<{ keys: IDBValidKey[]; values: Uint8Array[] }> {
  const database = await opened(factory, "chatalot", 1, []);
  const objects = database.transaction(table, "readonly").objectStore(table);
  const [keys, values] = await Promise.all([answered(objects.getAllKeys()), answered(objects.getAll())]);
  database.close();
  return { keys, values: values as Uint8Array[] };
}

async function putRaw(table: string, key: Uint8Array, value: Uint8Array): Promise<void> {
  const database = await opened(factory, "chatalot", 1, []);
  await answered(database.transaction(table, "readwrite").objectStore(table).put(value, key.slice().buffer));
  database.close();
}

test("what is stored reads back, also after it was opened again", async () => {
  await store.apply([{ table: "device", key: bytes(1), value: text("secret") }]);
  store.close();
  const again = await SealedStore.open(factory);
  expect(await again.all(["device"])).toEqual([{ table: "device", key: bytes(1), value: text("secret") }]);
});

test("no value is on the disk as it was given, and two of the same differ", async () => {
  const canary = text("canary-canary-canary");
  await store.apply([
    { table: "message", key: bytes(1), value: canary },
    { table: "message", key: bytes(2), value: canary },
  ]);
  const { values } = await raw("message");
  for (const value of values) {
    expect(value[0]).toBe(1);
    expect(value).toHaveLength(1 + 12 + canary.length + 16);
    expect(new TextDecoder("latin1").decode(value)).not.toContain("canary");
  }
  expect(values[0]).not.toEqual(values[1]);
});

test("the key cannot be taken out of the browser", async () => {
  const database = await opened(factory, "chatalot", 1, []);
  const key = await answered<CryptoKey>(database.transaction("store-key").objectStore("store-key").get("v1"));
  database.close();
  expect(key.extractable).toBe(false);
});

test("a value that was moved to another key or table does not open", async () => {
  await store.apply([{ table: "peer", key: bytes(7), value: text("pinned") }]);
  const sealed = (await raw("peer")).values[0] ?? bytes();
  await putRaw("peer", bytes(8), sealed);
  await expect(store.query({ table: "peer", keys: [bytes(8)] })).rejects.toThrow(SealError);
  await putRaw("outbox", bytes(7), sealed);
  await expect(store.all(["outbox"])).rejects.toThrow(SealError);
});

test("a changed value and one of a later version do not open", async () => {
  await store.apply([{ table: "peer", key: bytes(7), value: text("pinned") }]);
  const sealed = (await raw("peer")).values[0] ?? bytes();
  for (const at of [0, 5, sealed.length - 1]) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    await putRaw("peer", bytes(7), changed);
    await expect(store.all(["peer"])).rejects.toThrow(SealError);
  }
});

test("changes are stored together or not at all", async () => {
  const change = { table: "device", key: bytes(1), value: text("a") };
  await expect(store.apply([change, { table: "nowhere", key: bytes(1), value: text("b") }])).rejects.toThrow();
  expect(await store.all(["device"])).toEqual([]);
});

test("a change without a value removes the record", async () => {
  await store.apply([{ table: "outbox", key: bytes(1), value: text("a") }]);
  await store.apply([{ table: "outbox", key: bytes(1), value: null }]);
  expect(await store.all(["outbox"])).toEqual([]);
});

const ranged = { table: "message", prefix: bytes(9), limit: 10, descending: false };

test.each([
  ["all of a prefix, in order", ranged, [1, 2, 3, 4]],
  ["from the other end", { ...ranged, descending: true, limit: 2 }, [4, 3]],
  ["below a key", { ...ranged, before: bytes(9, 3) }, [1, 2]],
  ["above a key", { ...ranged, after: bytes(9, 2) }, [3, 4]],
  ["between two keys", { ...ranged, after: bytes(9, 1), before: bytes(9, 4) }, [2, 3]],
  ["between neighbours", { ...ranged, after: bytes(9, 2), before: bytes(9, 3) }, []],
  ["bounds the wrong way round", { ...ranged, after: bytes(9, 3), before: bytes(9, 2) }, []],
  ["bounds outside of the prefix", { ...ranged, after: bytes(1), before: bytes(200) }, [1, 2, 3, 4]],
  ["nothing", { ...ranged, limit: 0 }, []],
])("a range gives %s", async (_, query, expected) => {
  const keys = [bytes(8, 9), ...[3, 1, 4, 2].map((last) => bytes(9, last)), bytes(10), bytes(255, 255)];
  await store.apply(keys.map((key) => ({ table: "message", key, value: key })));
  const found = await store.query(query);
  expect(found.map((record) => record.key[1])).toEqual(expected);
});

test("a prefix of the highest bytes has no upper end", async () => {
  await store.apply([{ table: "message", key: bytes(255, 255, 1), value: text("last") }]);
  expect(await store.query({ ...ranged, prefix: bytes(255, 255) })).toHaveLength(1);
});

test("keys are answered in the order that was asked for, missing ones left out", async () => {
  await store.apply([1, 2, 3].map((key) => ({ table: "session", key: bytes(key), value: bytes(key) })));
  const found = await store.query({ table: "session", keys: [bytes(3), bytes(9), bytes(1)] });
  expect(found.map((record) => record.value[0])).toEqual([3, 1]);
});
