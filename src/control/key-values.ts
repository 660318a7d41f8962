// The coordinator's key-value store: bytes by key, counters, waits with an end, limits on everything.
import { ControlError } from "./errors.js";
import { type StoreLimits, storeLimits } from "./limits.js";

interface Wait {
  readonly settle: (value: Uint8Array | undefined) => void;
}

export class KeyValues {
  readonly #limits: StoreLimits;
  readonly #values = new Map<string, Uint8Array>();
  readonly #waits = new Map<string, Set<Wait>>();
  #bytes = 0;
  #waiting = 0;

  constructor(limits: Partial<StoreLimits> = {}) {
    this.#limits = { ...storeLimits, ...limits };
  }

  get size(): number {
    return this.#values.size;
  }

  #check(key: string): void {
    const bytes = Buffer.byteLength(key);
    if (bytes === 0) throw new ControlError("ERR_CONTROL_MALFORMED", "a key of the store is empty");
    if (bytes > this.#limits.keyBytes)
      throw new ControlError("ERR_CONTROL_LIMIT", `a key of the store has ${bytes} bytes, ${this.#limits.keyBytes} at most ("${key.slice(0, 40)}...")`);
  }

  set(key: string, value: Uint8Array): void {
    this.#check(key);
    const { valueBytes, keys, totalBytes } = this.#limits;
    if (value.length > valueBytes)
      throw new ControlError("ERR_CONTROL_LIMIT", `the value of "${key}" has ${value.length} bytes, ${valueBytes} at most: the store is for small values`);
    const before = this.#values.get(key);
    if (!before && this.#values.size >= keys) throw new ControlError("ERR_CONTROL_LIMIT", `the store holds ${keys} keys: "${key}" would be one more`);
    const bytes = this.#bytes + value.length - (before ? before.length : -Buffer.byteLength(key));
    if (bytes > totalBytes) throw new ControlError("ERR_CONTROL_LIMIT", `the store would hold ${bytes} bytes with "${key}", ${totalBytes} at most`);
    this.#bytes = bytes;
    // A copy: the caller's bytes lie in a buffer of the network.
    const copy = Uint8Array.from(value);
    this.#values.set(key, copy);
    const waits = this.#waits.get(key);
    this.#waits.delete(key);
    for (const wait of waits ?? []) wait.settle(copy);
  }

  /** The value, or undefined after the time or when the signal comes. */
  get(key: string, waitMs: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    this.#check(key);
    const value = this.#values.get(key);
    if (value || waitMs <= 0 || signal?.aborted) return Promise.resolve(value);
    if (this.#waiting >= this.#limits.waits)
      throw new ControlError("ERR_CONTROL_LIMIT", `${this.#waiting} calls wait for keys of the store: "${key}" would be one more`);
    this.#waiting++;
    return new Promise((resolve) => {
      const set = this.#waits.get(key) ?? new Set<Wait>();
      this.#waits.set(key, set);
      const settle = (found: Uint8Array | undefined): void => {
        if (!set.delete(wait)) return;
        if (set.size === 0 && this.#waits.get(key) === set) this.#waits.delete(key);
        this.#waiting--;
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        resolve(found);
      };
      const wait: Wait = { settle };
      const stop = (): void => settle(undefined);
      const timer = setTimeout(stop, waitMs);
      signal?.addEventListener("abort", stop);
      set.add(wait);
    });
  }

  /** Counters are kept as decimal text, so that get shows them too. */
  add(key: string, amount: number): number {
    this.#check(key);
    const before = this.#values.get(key);
    const text = before ? Buffer.from(before).toString("latin1") : "0";
    if (!/^-?\d{1,16}$/.test(text)) throw new ControlError("ERR_CONTROL_MALFORMED", `"${key}" holds ${before?.length} bytes that are no counter`);
    const value = Number(text) + amount;
    if (!Number.isSafeInteger(value)) throw new ControlError("ERR_CONTROL_LIMIT", `the counter "${key}" would be ${value}, beyond 2^53`);
    this.set(key, Buffer.from(String(value), "latin1"));
    return value;
  }

  delete(key: string): void {
    this.#check(key);
    const before = this.#values.get(key);
    if (!before) return;
    this.#bytes -= before.length + Buffer.byteLength(key);
    this.#values.delete(key);
  }

  /** Ends all waits, as if their time were over. */
  close(): void {
    for (const waits of [...this.#waits.values()]) for (const wait of [...waits]) wait.settle(undefined);
  }
}
