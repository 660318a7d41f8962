// The ranks' side of the conformance suite: what each rank does, and what it checks itself.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { CollectiveArray, ProcessGroup, ReduceOp } from "../../src/distributed/process-group.js";
import { type DType, dtypes, type TypedArray } from "../../src/graph/dtype.js";
import type { RankContext } from "../support/ranks.js";
import { difference, hash, numbers, random, reduced, reduceOps, tolerance } from "./numbers.js";

/** How a rank makes its group; a module of a backend exports `connect` of this type. */
export interface GroupSetup {
  /** Unique per group: a prefix of keys in the store. */
  readonly name: string;
  readonly timeoutMs?: number;
  readonly reportAfterMs?: number;
  readonly onStall?: (event: {
    readonly waitedMs: number;
    readonly collective: string;
    readonly waiting: readonly number[];
    readonly missing: readonly number[];
  }) => void;
}
export type Connect = (context: RankContext, setup: GroupSetup) => Promise<ProcessGroup>;

export interface TaskBase {
  /** Module that exports connect. */
  readonly backend: string;
  readonly group: GroupSetup;
  /** Results equal the sum in rank order bit for bit; else within rounding. */
  readonly exact: boolean;
}

export const connectTo = async (backend: string): Promise<Connect> => (await import(backend)).connect;
const open = new Map<string, Promise<ProcessGroup>>();

/** The group of this name: made once per process, so that many tasks share it. */
export async function groupOf(context: RankContext, { backend, group }: TaskBase): Promise<ProcessGroup> {
  const made = open.get(group.name) ?? connectTo(backend).then((connect) => connect(context, group));
  open.set(group.name, made);
  return made;
}

function same(actual: CollectiveArray, expected: CollectiveArray, exact: boolean, what: string): void {
  const apart = difference(actual, expected);
  assert.ok(apart <= (exact ? 0 : tolerance[expected.dtype]), `${what}: differs by ${apart}`);
}

const part = ({ dtype, data }: CollectiveArray, index: number, length: number): CollectiveArray => ({
  dtype,
  data: data.slice(index * length, (index + 1) * length) as TypedArray,
});
export const blank = (dtype: DType, count: number): CollectiveArray => ({ dtype, data: new dtypes[dtype].array(count) as TypedArray });

export interface Call {
  readonly kind: "all-reduce" | "reduce-scatter" | "all-gather" | "broadcast" | "barrier";
  readonly dtype: DType;
  readonly op: ReduceOp;
  readonly count: number;
  readonly root: number;
  readonly seed: number;
}

/** Makes the call with this rank's numbers and returns a check of the result: how it must be, and its hash. */
function issue(group: ProcessGroup, call: Call, exact: boolean): { readonly done: Promise<void>; check(): string } {
  const { kind, dtype, op, count, root, seed } = call;
  const { rank, size } = group;
  const what = `${kind} ${op} ${dtype} [${count}] root ${root} seed ${seed} on rank ${rank} of ${size}`;
  const all = (length: number) => Array.from({ length: size }, (_, r) => numbers(dtype, length, seed, r));
  if (kind === "all-reduce") {
    const data = numbers(dtype, count, seed, rank);
    return {
      done: group.allReduce(data, op),
      check: () => {
        same(data, reduced(all(count), op), exact, what);
        return hash(data);
      },
    };
  }
  if (kind === "reduce-scatter") {
    const input = numbers(dtype, count * size, seed, rank);
    const output = blank(dtype, count);
    return {
      done: group.reduceScatter(input, output, op),
      check: () => {
        same(output, part(reduced(all(count * size), op), rank, count), exact, what);
        same(input, numbers(dtype, count * size, seed, rank), true, `${what}: its input`);
        return "";
      },
    };
  }
  if (kind === "all-gather") {
    const output = blank(dtype, count * size);
    return {
      done: group.allGather(numbers(dtype, count, seed, rank), output),
      check: () => {
        for (let r = 0; r < size; r++) same(part(output, r, count), numbers(dtype, count, seed, r), true, what);
        return hash(output);
      },
    };
  }
  if (kind === "broadcast") {
    const data = numbers(dtype, count, seed, rank);
    return {
      done: group.broadcast(data, root),
      check: () => {
        same(data, numbers(dtype, count, seed, root), true, what);
        return hash(data);
      },
    };
  }
  return { done: group.barrier(), check: () => "" };
}

/** Calls in order, each awaited or not, with delays; a hash per call, "" where ranks rightly differ. */
export async function program(
  context: RankContext,
  args: TaskBase & { readonly calls: readonly Call[]; readonly awaited?: boolean; readonly delays?: number },
): Promise<string[]> {
  const group = await groupOf(context, args);
  assert.equal(group.rank, context.rank);
  assert.equal(group.size, context.size);
  const next = random(args.calls.length * 31 + context.rank);
  const issued: ReturnType<typeof issue>[] = [];
  for (const call of args.calls) {
    if (args.delays) await sleep((next() % 1000) * 0.001 * args.delays);
    const one = issue(group, call, args.exact);
    issued.push(one);
    one.done.catch(() => {}); // reported below, in order
    if (args.awaited !== false) await one.done;
  }
  const hashes: string[] = [];
  for (const one of issued) {
    await one.done;
    hashes.push(one.check());
  }
  return hashes;
}

/** Every op of every dtype at these sizes. */
export async function everything(context: RankContext, args: TaskBase & { readonly dtype: DType; readonly counts: readonly number[] }): Promise<string[]> {
  const { dtype, counts } = args;
  const calls: Call[] = [];
  for (const count of counts) {
    const seed = count + 17;
    for (const op of reduceOps(dtype)) for (const kind of ["all-reduce", "reduce-scatter"] as const) calls.push({ kind, dtype, op, count, root: 0, seed });
    for (const root of new Set([0, context.size - 1])) calls.push({ kind: "broadcast", dtype, op: "sum", count, root, seed });
    calls.push({ kind: "all-gather", dtype, op: "sum", count, root: 0, seed }, { kind: "barrier", dtype, op: "sum", count, root: 0, seed });
  }
  return program(context, { ...args, calls });
}

/** A large all-reduce: only some numbers are compared with the reference, all by their hash. */
export async function large(context: RankContext, args: TaskBase & { readonly count: number }): Promise<string> {
  const group = await groupOf(context, args);
  const data = numbers("float32", args.count, 5, context.rank);
  await group.allReduce(data, "mean");
  const inputs = Array.from({ length: context.size }, (_, r) => numbers("float32", args.count, 5, r));
  const step = 9973;
  const some = (from: CollectiveArray): CollectiveArray => ({ dtype: "float32", data: (from.data as Float32Array).filter((_, i) => i % step === 0) });
  same(some(data), reduced(inputs.map(some), "mean"), args.exact, "large all-reduce");
  return hash(data);
}

/** In place: outputs that are the rank's own part of the input, and the other way round. */
export async function inPlace(context: RankContext, args: TaskBase & { readonly count: number }): Promise<void> {
  const group = await groupOf(context, args);
  const { rank, size } = context;
  const { count } = args;
  const scattered = numbers("float32", count * size, 3, rank).data as Float32Array;
  await group.reduceScatter({ dtype: "float32", data: scattered }, { dtype: "float32", data: scattered.subarray(rank * count, (rank + 1) * count) }, "sum");
  const inputs = Array.from({ length: size }, (_, r) => numbers("float32", count * size, 3, r));
  same(
    { dtype: "float32", data: scattered.slice(rank * count, (rank + 1) * count) },
    part(reduced(inputs, "sum"), rank, count),
    args.exact,
    "reduce-scatter in place",
  );
  const gathered = new Float32Array(count * size);
  gathered.set(numbers("float32", count, 4, rank).data as Float32Array, rank * count);
  await group.allGather({ dtype: "float32", data: gathered.subarray(rank * count, (rank + 1) * count) }, { dtype: "float32", data: gathered });
  for (let r = 0; r < size; r++) same(part({ dtype: "float32", data: gathered }, r, count), numbers("float32", count, 4, r), true, "all-gather in place");
}

/** Objects of all sizes, also ones that cannot be carried. */
export async function objects(context: RankContext, args: TaskBase): Promise<void> {
  const group = await groupOf(context, args);
  const { rank, size } = context;
  const valueAt = (r: number) => ({ rank: r, text: "é".repeat(r * 700), big: 2n ** 70n, map: new Map([[r, new Float32Array([r, 0.5])]]), none: undefined });
  assert.deepEqual(
    await group.allGatherObject(valueAt(rank)),
    Array.from({ length: size }, (_, r) => valueAt(r)),
  );
  assert.deepEqual(
    await group.allGatherObject(rank),
    Array.from({ length: size }, (_, r) => r),
  );
  for (let root = 0; root < size; root++) {
    assert.deepEqual(await group.broadcastObject(rank === root ? valueAt(root) : undefined, root), valueAt(root));
    assert.equal(await group.broadcastObject(rank === root ? "small" : undefined, root), "small");
  }
  const last = size - 1;
  await assert.rejects(group.allGatherObject<unknown>(rank === last ? () => 1 : rank), (error: Error) => {
    assert.match(error.message, new RegExp(`rank ${last}`));
    return true;
  });
  await assert.rejects(group.broadcastObject<unknown>(rank === last ? () => 1 : undefined, last), (error: Error) => {
    assert.match(error.message, new RegExp(`rank ${last}`));
    return true;
  });
  await group.barrier();
}

/** Wrong arguments fail on the rank that gives them and leave the group whole. */
export async function wrongArguments(context: RankContext, args: TaskBase): Promise<void> {
  const group = await groupOf(context, args);
  const f32 = (length: number): CollectiveArray => ({ dtype: "float32", data: new Float32Array(length) });
  const argument = { code: "ERR_ARGUMENT" };
  const shape = { code: "ERR_SHAPE" };
  await assert.rejects(group.allReduce({ dtype: "int32", data: new Int32Array(3) }, "mean"), argument);
  await assert.rejects(group.allReduce({ dtype: "bool", data: new Uint8Array(3) }, "sum"), argument);
  await assert.rejects(group.allReduce({ dtype: "float32", data: new Int32Array(3) } as CollectiveArray, "sum"), argument);
  await assert.rejects(group.allReduce({ dtype: "float8" as DType, data: new Uint8Array(3) }, "sum"), argument);
  await assert.rejects(group.allReduce(f32(3), "product" as ReduceOp), argument);
  await assert.rejects(group.broadcast(f32(3), context.size), argument);
  await assert.rejects(group.broadcast(f32(3), -1), argument);
  await assert.rejects(group.allGather(f32(3), f32(3 * context.size + 1)), shape);
  await assert.rejects(group.reduceScatter(f32(3 * context.size + 1), f32(3), "sum"), shape);
  await assert.rejects(group.allGather(f32(2), { dtype: "float64", data: new Float64Array(2 * context.size) }), argument);
  await assert.rejects(group.barrier({ timeoutMs: Number.NaN }), argument);
  await group.barrier();
}

/** Several groups made and closed one after the other, and a call after close. */
export async function closing(context: RankContext, args: TaskBase): Promise<void> {
  const connect = await connectTo(args.backend);
  for (let i = 0; i < 3; i++) {
    const group = await connect(context, { ...args.group, name: `${args.group.name}/${i}` });
    await group.allReduce(blank("float32", 1000), "sum");
    await group.close();
    await group.close();
    await assert.rejects(group.barrier(), { code: "ERR_GROUP_CLOSED" });
    await assert.rejects(group.allReduce(blank("float32", 3), "sum"), { code: "ERR_GROUP_CLOSED" });
  }
}

/** A group that is never closed must not keep the process alive. */
export async function forgotten(context: RankContext, args: TaskBase): Promise<void> {
  await (await groupOf(context, args)).barrier();
}
