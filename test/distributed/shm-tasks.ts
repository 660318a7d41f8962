// The ranks' side of the tests of shared memory itself.
import assert from "node:assert/strict";
import { openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createShmGroup, type ShmGroupOptions } from "../../src/distributed/shm/create-shm-group.js";
import type { NativeShm } from "../../src/distributed/shm/native-shm.js";
import type { ShmGroup } from "../../src/distributed/shm/shm-group.js";
import type { Store } from "../../src/distributed/store.js";
import { loadNative, type NativeBinding } from "../../src/native/binding.js";
import type { RankContext } from "../support/ranks.js";
import { becomes } from "../support/timing.js";

export interface ShmArgs {
  readonly name: string;
  readonly timeoutMs?: number;
}

export const join = ({ rank, size, store }: RankContext, args: ShmArgs, more: Partial<ShmGroupOptions> = {}): Promise<ShmGroup> =>
  createShmGroup({ rank, size, store, name: args.name, timeoutMs: args.timeoutMs ?? 60_000, ...more });

/** The real binding, asked for more than any machine has: Node's own limit lies below that. */
function greedy(plain: number): NativeBinding {
  const native = loadNative();
  const allocate: NativeShm["allocate"] = (group, bytes, ...rest) => native.shm!.allocate(group, bytes === plain ? bytes : 2 ** 44, ...rest);
  return { ...native, shm: { ...native.shm!, allocate } };
}

/** What the process holds of ours: descriptors and mapped regions. */
function held(): { readonly descriptors: string[]; readonly mappings: number } {
  const descriptors = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /memfd:accelerate-ts|pidfd|^\/proc\/\d+/.test(target) ? [target] : [];
    } catch {
      return []; // the descriptor of the listing itself
    }
  });
  return { descriptors, mappings: readFileSync("/proc/self/maps", "utf8").split("memfd:accelerate-ts").length - 1 };
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** Every rank sees what the others write; sizes of all kinds; memory goes with its last user. */
export async function memory(context: RankContext, args: ShmArgs): Promise<void> {
  const { rank, size } = context;
  const group = await join(context, args);
  assert.deepEqual(
    held().descriptors.filter((target) => target.includes("memfd")),
    [],
    "the descriptor of the group is closed once all have joined",
  );
  for (const bytes of [1, 64, 4097, 3_000_000]) {
    const buffer = await group.allocate(bytes);
    assert.equal(buffer.byteLength, bytes);
    const view = new Uint8Array(buffer);
    assert.ok(
      view.every((byte) => byte === 0),
      "zeroed",
    );
    await group.barrier();
    for (let i = rank; i < bytes; i += size) view[i] = rank + 1;
    await group.barrier();
    assert.ok(view.every((byte, i) => byte === (i % size) + 1));
    await group.barrier();
  }
  assert.equal((await group.allocate(0)).byteLength, 0);
  assert.deepEqual(
    held().descriptors.filter((target) => target.includes("memfd")),
    [],
  );
  // It outlives the group, and can be the collectives' own data.
  const shared = new Float32Array(await group.allocate(4 * 1000));
  await group.barrier();
  await group.close();
  shared[rank] = rank + 1;
  for (let i = 0; i < 1000 && held().mappings > 1; i++) {
    collectGarbage();
    await sleep(10);
  }
  assert.equal(held().mappings, 1, "only the memory in use is mapped");
  assert.equal(shared[rank], rank + 1);
  assert.deepEqual(held().descriptors, []);
}

/** More than there is: the same error everywhere, and the group goes on. */
export async function tooMuch(context: RankContext, args: ShmArgs): Promise<string> {
  const group = await join(context, args, { native: greedy(100) });
  const error = await group.allocate(2 ** 30).then(
    () => assert.fail("there is that much memory"),
    (thrown: Error & { code: string }) => thrown,
  );
  assert.equal(error.code, "ERR_SHARED_MEMORY");
  assert.equal((await group.allocate(100)).byteLength, 100);
  await group.close();
  return error.message;
}

export async function differentSizes(context: RankContext, args: ShmArgs): Promise<string> {
  const group = await join(context, args);
  const error = await group.allocate(context.rank === 0 ? 100 : 200, { site: "a.ts:1:1" }).then(
    () => assert.fail("the sizes differ"),
    (thrown: Error & { code: string }) => thrown,
  );
  assert.equal(error.code, "ERR_COLLECTIVE_MISMATCH");
  return error.message;
}

/** Rank 1 has no descriptors left to open the memory with. */
export async function noDescriptors(context: RankContext, args: ShmArgs): Promise<string> {
  const group = await join(context, args);
  if (context.rank === 1) {
    try {
      for (;;) openSync("/dev/null", "r");
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "EMFILE");
    }
  }
  const error = await group.allocate(100).then(
    () => assert.fail("there were descriptors"),
    (thrown: Error & { code: string }) => thrown,
  );
  assert.equal(error.code, "ERR_SHARED_MEMORY");
  await group.barrier(); // the group is whole, and nobody is taken for dead
  return error.message;
}

/** The store's word about the memory is changed on its way. */
export async function tampered(context: RankContext, args: ShmArgs & { readonly change: "pid" | "nonce" | "text" | "inode" }): Promise<string> {
  const changes: Readonly<Record<typeof args.change, (parts: string[]) => string>> = {
    pid: ([, ...rest]) => ["1999999999", ...rest].join(" "),
    nonce: (parts) => [...parts.slice(0, 5), "00".repeat(16)].join(" "),
    inode: (parts) => [...parts.slice(0, 3), "12345", ...parts.slice(4)].join(" "),
    text: () => "something else",
  };
  const { store } = context;
  const changed: Store = {
    set: (key, value) => store.set(key, value),
    add: (key, amount) => store.add(key, amount),
    delete: (key) => store.delete(key),
    get: async (key, options) => {
      const value = await store.get(key, options);
      if (!key.endsWith("/memory") || context.rank !== 1) return value;
      return new TextEncoder().encode(changes[args.change](new TextDecoder().decode(value).split(" ")));
    },
  };
  return refused(join(context, args, { store: changed }));
}

/** The join fails; as what. */
export async function joinFails(context: RankContext, args: ShmArgs): Promise<string> {
  return refused(join(context, args));
}

export async function refused(joining: Promise<unknown>): Promise<string> {
  const error = await joining.then(
    () => assert.fail("it has joined"),
    (thrown: Error & { code: string }) => thrown,
  );
  return `${error.code}: ${error.message}`;
}

/** Latency of small calls when the ranks share what cores there are, and what waiting costs. */
export async function crowded(
  context: RankContext,
  args: ShmArgs & { readonly calls: number },
): Promise<{ readonly ms: number; readonly waitedCpuMs: number }> {
  const group = await join(context, args);
  const data = { dtype: "float32", data: new Float32Array(250) } as const;
  await group.allReduce(data, "sum");
  const started = performance.now();
  for (let i = 0; i < args.calls; i++) await group.allReduce(data, "sum");
  const ms = (performance.now() - started) / args.calls;
  await group.barrier();
  const before = process.cpuUsage();
  if (context.rank === 0) await sleep(500);
  await group.barrier();
  const { user, system } = process.cpuUsage(before);
  await group.close();
  return { ms, waitedCpuMs: (user + system) / 1000 };
}

/** Values that arithmetic could lose: NaN stays, denormals are exact, signs of zero and infinities. */
export async function oddNumbers(context: RankContext, args: ShmArgs): Promise<void> {
  const group = await join(context, args);
  const first = context.rank === 0;
  const tiny = 2 ** -149;
  for (const count of [8, 50_000]) {
    const fill = (values: readonly number[]) => Float32Array.from({ length: count }, (_, i) => values[i % values.length]!);
    const mine = first ? [tiny, Number.NaN, 1, Infinity, -0, 2 ** -126, -Infinity, 3] : [tiny, 1, Number.NaN, 1, -0, -(2 ** -127), Infinity, -3];
    const sum = fill(mine);
    await group.allReduce({ dtype: "float32", data: sum }, "sum");
    assert.deepEqual([...sum.subarray(0, 8)], [2 * tiny, Number.NaN, Number.NaN, Infinity, -0, 2 ** -127, Number.NaN, 0]);
    const max = fill(mine);
    await group.allReduce({ dtype: "float32", data: max }, "max");
    assert.deepEqual([...max.subarray(0, 8)], [tiny, Number.NaN, Number.NaN, Infinity, -0, 2 ** -126, Infinity, 3]);
    const max64 = Float64Array.from(fill(mine));
    await group.allReduce({ dtype: "float64", data: max64 }, "max");
    assert.deepEqual([...max64.subarray(0, 8)], [...max.subarray(0, 8)]);
  }
  await group.close();
}

/** Objects of several collectives in between other calls that are not awaited, in a different rhythm on each rank. */
export async function interleaved(context: RankContext, args: ShmArgs): Promise<void> {
  const group = await join(context, args);
  const { rank, size } = context;
  const long = "x".repeat(5000);
  for (let round = 0; round < 5; round++) {
    const data = Float32Array.of(rank);
    const first = group.allGatherObject(`${rank}${long}`);
    if (rank === 0) await first;
    const sum = group.allReduce({ dtype: "float32", data }, "sum");
    if (rank === 1) await sleep(2);
    const second = group.broadcastObject(rank === 0 ? long : undefined, 0);
    const done = group.barrier();
    assert.deepEqual(
      await first,
      Array.from({ length: size }, (_, r) => `${r}${long}`),
    );
    await sum;
    assert.equal(data[0], (size * (size - 1)) / 2);
    assert.equal(await second, long);
    await done;
  }
  await group.close();
}

/** The sites of calls, as a rank sees them of the other. */
export async function sites(context: RankContext, args: ShmArgs): Promise<string | undefined> {
  const group = await join(context, args);
  await group.barrier();
  if (context.rank === 1) await group.allReduce({ dtype: "float32", data: new Float32Array(3) }, "sum");
  else assert.ok(await becomes(() => (group.status()[1]?.sequence ?? 0) > 1));
  const site = group.status()[1]?.site;
  if (context.rank === 0) await group.allReduce({ dtype: "float32", data: new Float32Array(3) }, "sum");
  return site;
}
