// The key-value store of a run: small values through which ranks find each other.

export interface StoreOptions {
  /** Milliseconds to wait for a key; default the store's. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Keys are paths ("group/0/address/3"), values bytes that are never evaluated. All calls are safe between ranks. */
export interface Store {
  set(key: string, value: Uint8Array): Promise<void>;
  /** Waits until the key is there. @throws AccelerateError ERR_STORE_TIMEOUT that names the key. */
  get(key: string, options?: StoreOptions): Promise<Uint8Array>;
  /** Adds to a counter that begins at 0; resolves with its new value. */
  add(key: string, amount: number): Promise<number>;
  delete(key: string): Promise<void>;
}
