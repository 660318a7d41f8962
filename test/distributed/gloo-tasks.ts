// The ranks' side of gloo.test.ts.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { connect as connectTo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createGlooGroup, type GlooGroupOptions } from "../../src/distributed/gloo/create-gloo-group.js";
import type { CollectiveFault } from "../../src/distributed/errors.js";
import type { Store } from "../../src/distributed/store.js";
import type { RankContext } from "../support/ranks.js";

interface Named {
  readonly name: string;
}
type Failure = { readonly code: string; readonly message: string; readonly ranks: readonly number[] | undefined; readonly ms: number };

const optionsOf = ({ rank, size, store }: RankContext, { name }: Named): GlooGroupOptions => ({
  rank,
  size,
  store,
  name,
  address: "127.0.0.1",
  timeoutMs: 60_000,
});

async function failureOf(made: Promise<unknown>): Promise<Failure> {
  const started = performance.now();
  const error = await made.then(
    () => assert.fail("it went through"),
    (thrown: Error & CollectiveFault) => thrown,
  );
  if (error.code === undefined) throw error;
  return { code: error.code, message: error.message, ranks: error.ranks, ms: performance.now() - started };
}

const held = () => ({ descriptors: readdirSync("/proc/self/fd").length, threads: readdirSync("/proc/self/task").length });

/** What groups leave behind. */
export async function repeated(context: RankContext, args: Named): Promise<void> {
  const round = async (index: number): Promise<void> => {
    await using group = await createGlooGroup({ ...optionsOf(context, args), name: `${args.name}/${index}` });
    await group.allReduce({ dtype: "float32", data: new Float32Array(100_000) }, "sum");
  };
  await round(0);
  const before = held();
  for (let index = 1; index <= 10; index++) await round(index);
  const now = held();
  assert.ok(now.descriptors <= before.descriptors + 2, `${before.descriptors} descriptors became ${now.descriptors}`);
  assert.ok(now.threads <= before.threads + 2, `${before.threads} threads became ${now.threads}`);
}

/** Rank 1's address is none of this machine. */
export async function wrongAddress(context: RankContext, args: Named): Promise<Failure> {
  return failureOf(createGlooGroup({ ...optionsOf(context, args), ...(context.rank === 1 && { address: "192.0.2.1" }) }));
}

/** Rank 1 never comes. */
export async function nobodyComes(context: RankContext, args: Named): Promise<Failure | undefined> {
  if (context.rank === 1) return undefined;
  return failureOf(createGlooGroup({ ...optionsOf(context, args), timeoutMs: 300 }));
}

/** Rank 1 publishes where it listens, and stops there. */
export async function nobodyConnects(context: RankContext, args: Named): Promise<Failure | undefined> {
  if (context.rank === 0) return failureOf(createGlooGroup({ ...optionsOf(context, args), timeoutMs: 1000 }));
  const store: Store = { ...bound(context.store), get: () => new Promise(() => {}) };
  createGlooGroup({ ...optionsOf(context, args), store }).catch(() => {}); // it waits for ever
  await sleep(2000);
  return undefined;
}

const bound = (store: Store): Store => ({
  set: (key, value) => store.set(key, value),
  get: (key, options) => store.get(key, options),
  add: (key, amount) => store.add(key, amount),
  delete: (key) => store.delete(key),
});

/** Rank 1 does not know the key of the group. */
export async function wrongKey(context: RankContext, args: Named): Promise<Failure> {
  const store: Store = {
    ...bound(context.store),
    get: async (key, options) => {
      const value = await context.store.get(key, options);
      if (context.rank === 1 && key.endsWith("/0")) value[7]! ^= 1;
      return value;
    },
  };
  return failureOf(createGlooGroup({ ...optionsOf(context, args), store }));
}

/** Somebody else is first at rank 0's door, and talks. */
export async function stranger(context: RankContext, args: Named): Promise<Failure> {
  if (context.rank === 0) {
    const made = failureOf(createGlooGroup({ ...optionsOf(context, args), timeoutMs: 2000 }));
    const card = await context.store.get(`${args.name}/address/0`);
    // A kind, a key of 32 bytes; no address for itself; the length of the one for rank 1, a socket address: its family, then the port.
    const port = Buffer.from(card).readUInt16BE(1 + 32 + 2 + 2 + 2);
    const socket = connectTo(port, "127.0.0.1", () => socket.write("GET / HTTP/1.0\r\nHost: nobody\r\n\r\n".repeat(40)));
    socket.on("error", () => {}); // it is thrown out
    await sleep(200);
    await context.store.set(`${args.name}/visited`, Uint8Array.of(1));
    const failure = await made;
    socket.destroy();
    return failure;
  }
  await context.store.get(`${args.name}/visited`);
  return failureOf(createGlooGroup({ ...optionsOf(context, args), timeoutMs: 2000 }));
}

/** Rank 1's group lives in a worker thread that is terminated while it waits in a collective. */
export async function terminated(context: RankContext, args: Named & { readonly folder: string }): Promise<Failure | "ended"> {
  if (context.rank === 0) {
    const group = await createGlooGroup(optionsOf(context, args));
    await group.allReduce({ dtype: "float32", data: new Float32Array(2_000_000) }, "sum");
    await context.store.get(`${args.name}/terminated`);
    return failureOf(group.barrier());
  }
  const worker = new Worker(new URL("./gloo-thread.js", import.meta.url), { workerData: { ...args, rank: context.rank, size: context.size } });
  await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await sleep(100);
  await worker.terminate();
  await context.store.set(`${args.name}/terminated`, Uint8Array.of(1));
  return "ended";
}
