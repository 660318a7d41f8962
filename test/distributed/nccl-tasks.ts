// Ranks with a doubled GPU each, for tests of NCCL's calls one by one: a group that begins, works on the device and on the host, and ends.
import { createNcclGroup } from "../../src/distributed/nccl/create-nccl-group.js";
import type { NcclGroup } from "../../src/distributed/nccl/nccl-group.js";
import { openNccl } from "../../src/distributed/nccl/native-nccl.js";
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import { type DType, dtypes, type TypedArray } from "../../src/graph/dtype.js";
import { type DeviceArray, type DeviceContext, Engine, parseDevice } from "../../src/runtime/index.js";
import { NativeDevice } from "../../src/runtime/native-device.js";
import type { RankContext } from "../support/ranks.js";
import { numbers } from "./numbers.js";

/** What a rank has between its tasks. */
const has: { device?: DeviceContext; group?: NcclGroup; arrays?: readonly DeviceArray[] } = {};

/** Opens this rank's GPU. */
export async function begin({ rank }: RankContext): Promise<void> {
  process.env.RANK = `${rank}`; // scripts of the double name ranks by it
  has.device = await Engine.default().openDevice(parseDevice(`cuda:${rank}`));
}
/** Arrays for onDevice and around, which no group that has failed still works on. */
export async function fresh({ size }: RankContext): Promise<void> {
  for (const array of has.arrays ?? []) has.device!.free(array);
  has.arrays = [64 * size, 64, 64].map((length) => made("float32", length));
  await has.device!.synchronize();
}
export async function end(): Promise<void> {
  for (const array of has.arrays ?? []) has.device!.free(array);
  await has.device?.close();
  delete has.device;
}

export interface Joining {
  readonly name: string;
  readonly timeoutMs?: number;
}

export async function connect({ rank, size, store }: RankContext, { name, timeoutMs = 20_000 }: Joining): Promise<void> {
  const common = { rank, size, store, timeoutMs };
  const control = await createShmGroup({ ...common, name: `${name}/control` });
  if (!(has.device instanceof NativeDevice)) throw new Error("no GPU was opened");
  has.group = await createNcclGroup({ ...common, name, library: openNccl(), device: rank, context: has.device.handle, control });
}

const made = (dtype: DType, length: number): DeviceArray => has.device!.allocate(dtype, [length]);
async function up(dtype: DType, count: number, seed: number, rank: number): Promise<DeviceArray> {
  const array = made(dtype, count);
  await has.device!.upload([{ from: numbers(dtype, count, seed, rank).data as TypedArray, into: array }]);
  return array;
}
async function down(array: DeviceArray): Promise<TypedArray> {
  const into = new dtypes[array.dtype].array(array.length) as TypedArray;
  await has.device!.download([{ from: array, into }]);
  return into;
}

/** Every kind of collective of the device, as training calls them. */
export async function onDevice(): Promise<void> {
  const [whole, part] = has.arrays!;
  await has.group!.onDevice([
    { op: "zeros", data: whole! },
    { op: "all-reduce", input: whole!, output: whole!, reduce: "sum" },
    { op: "reduce-scatter", input: whole!, output: part!, reduce: { factor: 0.5 } },
    { op: "all-gather", input: part!, output: whole! },
    { op: "broadcast", data: whole!, root: 0 },
  ]);
  await has.group!.settled();
}
/** Sends around the ring. */
export async function around({ rank, size }: RankContext): Promise<void> {
  const [, own, other] = has.arrays!;
  await has.group!.onDevice([
    { op: "send", data: own!, peer: (rank + 1) % size },
    { op: "receive", data: other!, peer: (rank + size - 1) % size },
  ]);
  await has.group!.settled();
}
export async function onHost(): Promise<void> {
  await has.group!.allReduce(numbers("float32", 100, 1, 0), "sum");
}
export async function close(): Promise<void> {
  try {
    await has.group?.close();
  } finally {
    delete has.group;
  }
}
export function load(): void {
  openNccl();
}

export interface Sending {
  readonly dtype: DType;
  readonly counts: readonly number[];
}
/** Each rank sends to the next one, all sizes as one group. */
export async function ring({ rank, size }: RankContext, { dtype, counts }: Sending): Promise<string[]> {
  const [next, before] = [(rank + 1) % size, (rank + size - 1) % size];
  const own = await Promise.all(counts.map((count, i) => up(dtype, count, i, rank)));
  const into = counts.map((count) => made(dtype, count));
  await has.group!.onDevice([
    ...own.map((data) => ({ op: "send", data, peer: next }) as const),
    ...into.map((data) => ({ op: "receive", data, peer: before }) as const),
  ]);
  const got = await Promise.all(into.map(down));
  for (const array of [...own, ...into]) has.device!.free(array);
  return counts
    .filter((count, i) => !bytesOf(got[i]!).equals(bytesOf(numbers(dtype, count, i, before).data as TypedArray)))
    .map((count) => `${dtype} [${count}]`);
}
const bytesOf = ({ buffer, byteOffset, byteLength }: TypedArray): Buffer => Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** Everybody sends to everybody, also to itself, beside a sum: in one group. */
export async function everybody({ rank, size }: RankContext, { count }: { readonly count: number }): Promise<boolean> {
  const all = Array.from({ length: size }, (_, of) => of);
  const out = await Promise.all(all.map((to) => up("bfloat16", count, to, rank)));
  const into = all.map(() => made("bfloat16", count));
  const sum = await up("int32", count, 0, 0);
  await has.group!.onDevice([
    ...all.map((peer) => ({ op: "receive", data: into[peer]!, peer }) as const),
    { op: "all-reduce", input: sum, output: sum, reduce: "max" },
    ...all.map((peer) => ({ op: "send", data: out[peer]!, peer }) as const),
  ]);
  const right = await Promise.all(
    into.map(async (array, from) => bytesOf(await down(array)).equals(bytesOf(numbers("bfloat16", count, rank, from).data as TypedArray))),
  );
  const most = bytesOf(await down(sum)).equals(bytesOf(numbers("int32", count, 0, 0).data as TypedArray));
  for (const array of [...out, ...into, sum]) has.device!.free(array);
  return most && right.every(Boolean);
}

/** Rank 0 sends to rank 1 what that does not take (`takes` false), or takes; others do nothing. Numbers that came. */
export async function oneWay({ rank }: RankContext, { count, takes }: { readonly count: number; readonly takes: boolean }): Promise<number> {
  const data = await up("float32", count, 3, rank);
  try {
    if (rank === 0) await has.group!.onDevice([{ op: "send", data, peer: 1 }]);
    else await has.group!.onDevice(rank === 1 && takes ? [{ op: "receive", data, peer: 0 }] : []);
    await has.group!.settled();
    return Number(bytesOf(await down(data)).equals(bytesOf(numbers("float32", count, 3, 0).data as TypedArray)));
  } finally {
    has.device!.free(data);
  }
}
/** A call that no rank may make. */
export async function wrong({ rank }: RankContext, { peer }: { readonly peer: number | "self" }): Promise<void> {
  const data = made("float32", 8);
  try {
    await has.group!.onDevice([{ op: "send", data, peer: peer === "self" ? rank : peer }]);
  } finally {
    has.device!.free(data);
  }
}
