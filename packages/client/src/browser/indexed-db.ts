/** The database, with its one store of values under keys given from outside. The factory may throw, or refuse later. */
export function openDatabase(factory: IDBFactory, name: string, store: string): Promise<IDBDatabase> {
  const request = factory.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(store);
  return answered(request);
}

/** What a request gives. To be awaited by itself within its transaction, which ends when nothing is asked of it. */
export function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failure(request.error));
  });
}

/** Resolves when all that was asked of the transaction is done, for good. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(failure(transaction.error));
  });
}

/** The name of a `DOMException`, such as `QuotaExceededError`. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function failure(error: DOMException | null): Error {
  return error ?? new Error('the database gives no reason');
}
