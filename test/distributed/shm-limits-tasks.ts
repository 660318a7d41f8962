// The ranks' side of the tests of what lies at the edges: orders, clocks, sizes, stores that fail.
import assert from "node:assert/strict";
import { constants } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import type { Store, StoreOptions } from "../../src/distributed/store.js";
import type { RankContext } from "../support/ranks.js";

export interface LimitArgs {
  readonly name: string;
}

/** Two groups of the same ranks; each rank begins with another one. */
export async function crossed({ rank, size, store }: RankContext, { name }: LimitArgs): Promise<number[]> {
  await using first = await createShmGroup({ rank, size, store, name: `${name}/first`, timeoutMs: 60_000 });
  await using second = await createShmGroup({ rank, size, store, name: `${name}/second`, timeoutMs: 60_000 });
  const groups = [first, second];
  const numbers = groups.map((_, index) => Float32Array.of(10 ** index));
  const order = rank % 2 === 0 ? [0, 1] : [1, 0];
  await Promise.all(order.map((index) => groups[index]!.allReduce({ dtype: "float32", data: numbers[index]! }, "sum")));
  return numbers.map((array) => array[0]!);
}

/** No deadline and no reports, said as people say it. */
export async function forever({ rank, size, store }: RankContext, { name }: LimitArgs): Promise<string[]> {
  const warnings: string[] = [];
  const warned = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", warned);
  const onStall = (): void => void warnings.push("stalled");
  await using group = await createShmGroup({ rank, size, store, name, timeoutMs: Number.POSITIVE_INFINITY, reportAfterMs: Number.POSITIVE_INFINITY, onStall });
  if (rank === 0) await sleep(200);
  await group.barrier();
  await group.barrier({ timeoutMs: Number.POSITIVE_INFINITY });
  process.off("warning", warned);
  return warnings;
}

/** Rank 1 comes after less than half of the deadline, counted while it runs. */
export async function stopped({ rank, size, store, tell }: RankContext, { name }: LimitArgs): Promise<void> {
  await using group = await createShmGroup({ rank, size, store, name, timeoutMs: 3000 });
  tell("waiting");
  if (rank === 1) for (let i = 0; i < 10; i++) await sleep(50);
  await group.barrier();
}

/** What cannot be carried out is refused before anybody is asked, and the group goes on. */
export async function refused({ rank, size, store }: RankContext, { name }: LimitArgs): Promise<string[]> {
  await using group = await createShmGroup({ rank, size, store, name, timeoutMs: 60_000 });
  const message = (error: Error): string => `${error.name}: ${error.message}`;
  const resizable = new Float32Array(Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }]) as ArrayBuffer);
  const messages = [
    await group.allocate(constants.MAX_LENGTH + 1).then(() => "", message),
    await group.allReduce({ dtype: "float32", data: resizable }, "sum").then(() => "", message),
  ];
  await group.barrier();
  assert.equal((await group.allocate(0)).byteLength, 0);
  return messages;
}

/** A store in which rank 1 never joins and reading rank 2's answer fails; tells which waits were given up. */
export async function brokenStore({ store }: RankContext, { name }: LimitArgs): Promise<{ readonly message: string; readonly given: readonly string[] }> {
  const given: string[] = [];
  const get = (key: string, { signal }: StoreOptions = {}): Promise<Uint8Array> => {
    if (key.endsWith("/2")) return Promise.reject(new TypeError("the store is broken"));
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        given.push(key);
        reject(signal.reason);
      });
    });
  };
  const broken: Store = { set: (key, value) => store.set(key, value), get, add: (key, amount) => store.add(key, amount), delete: (key) => store.delete(key) };
  const error = await createShmGroup({ rank: 0, size: 3, store: broken, name, timeoutMs: 60_000 }).then(
    () => assert.fail("nobody else is there"),
    (thrown: Error) => thrown,
  );
  await sleep(0);
  return { message: `${error.name}: ${error.message}`, given };
}
