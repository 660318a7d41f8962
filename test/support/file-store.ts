// A Store over a folder, so that tests of groups need no coordinator: a key is a file, written whole by rename.
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store, StoreOptions } from "../../src/distributed/store.js";
import { AccelerateError } from "../../src/errors.js";

const pollMs = 2;
const missing = (error: unknown): undefined => {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
};

export class FileStore implements Store {
  readonly #folder: string;
  readonly #timeoutMs: number;

  constructor(folder: string, options: { readonly timeoutMs?: number } = {}) {
    this.#folder = folder;
    this.#timeoutMs = options.timeoutMs ?? 60_000;
  }

  #path(key: string): string {
    return join(this.#folder, encodeURIComponent(key));
  }

  async set(key: string, value: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const written = `${this.#path(key)}.${process.pid}-${Math.random().toString(36).slice(2)}`;
    await writeFile(written, value);
    await rename(written, this.#path(key));
  }

  async get(key: string, options: StoreOptions = {}): Promise<Uint8Array> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const end = performance.now() + timeoutMs;
    for (;;) {
      options.signal?.throwIfAborted();
      const value = await readFile(this.#path(key)).catch(missing);
      if (value !== undefined) return value;
      if (performance.now() > end) throw new AccelerateError("ERR_STORE_TIMEOUT", `nobody set the key ${key} within ${timeoutMs} ms`);
      await sleep(pollMs);
    }
  }

  async add(key: string, amount: number): Promise<number> {
    await mkdir(this.#folder, { recursive: true });
    const lock = `${this.#path(key)}.lock`;
    for (;;) {
      try {
        await (await open(lock, "wx")).close();
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        await sleep(pollMs);
      }
    }
    try {
      const before = await readFile(this.#path(key), "utf8").catch(missing);
      const value = Number(before ?? 0) + amount;
      await this.set(key, new TextEncoder().encode(String(value)));
      return value;
    } finally {
      await rm(lock);
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }
}
