// The browser's database as promises: only what the sealed store needs.

/** The answer of one request of a transaction. */
export function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database request failed"));
  });
}

/** The end of a transaction: all of it is on the disk, or none. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the database transaction was aborted"));
  });
}

/** Opens a database and makes its object stores where it is new. Stores are
 *  added by raising the version; none is ever dropped. */
export function opened(
  factory: IDBFactory,
  name: string,
  version: number,
  stores: readonly string[],
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, version);
    request.onupgradeneeded = () => {
      for (const store of stores) {
        if (!request.result.objectStoreNames.contains(store)) request.result.createObjectStore(store);
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the database does not open"));
    // Another tab holds the old version: it is closed there (onversionchange).
    request.onblocked = () => undefined;
  });
}
