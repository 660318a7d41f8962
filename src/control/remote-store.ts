// The store of a run, by calls to the coordinator. A wait is a chain of short calls, so that no call is unbounded.
import type { Store, StoreOptions } from "../distributed/store.js";
import type { Channel } from "./channel.js";
import { ControlError } from "./errors.js";
import { timeouts } from "./limits.js";

export const storeTimeout = (key: string, timeoutMs: number): ControlError =>
  new ControlError("ERR_STORE_TIMEOUT", `nobody set "${key}" within ${timeoutMs >= 1000 ? `${Math.round(timeoutMs / 1000)} s` : `${timeoutMs} ms`}`);

export class RemoteStore implements Store {
  readonly #channel: Channel;
  readonly #timeoutMs: number;

  constructor(channel: Channel, timeoutMs: number = timeouts.storeMs) {
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    await this.#channel.call("Set", { key, value });
  }

  async get(key: string, { timeoutMs = this.#timeoutMs, signal }: StoreOptions = {}): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const end = performance.now() + timeoutMs;
    for (;;) {
      const waitMs = Math.max(0, Math.min(timeouts.waitMs, Math.ceil(end - performance.now())));
      const { found, value } = await this.#channel.call("Get", { key, waitMs }, { timeoutMs: waitMs + timeouts.callMs, signal });
      if (found) return Uint8Array.from(value);
      if (performance.now() >= end) throw storeTimeout(key, timeoutMs);
    }
  }

  async add(key: string, amount: number): Promise<number> {
    return (await this.#channel.call("Add", { key, amount })).value;
  }

  async delete(key: string): Promise<void> {
    await this.#channel.call("Delete", { key });
  }
}
