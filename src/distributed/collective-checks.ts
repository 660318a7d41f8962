// What all backends check before they send anything: arrays, reductions and options that no rank could carry out.
import { constants } from "node:buffer";
import { type DType, dtypes, isFloat, type TypedArray } from "../graph/dtype.js";
import { ArgumentError, ShapeError } from "../errors.js";
import type { CollectiveArray, CollectiveName, CollectiveOptions, ReduceOp } from "./process-group.js";

/** A call that can be carried out. */
export interface CheckedCall {
  readonly op: CollectiveName;
  readonly dtype?: DType;
  readonly reduce?: ReduceOp;
  readonly root?: number;
  /** Elements of this rank's input. */
  readonly count: number;
  readonly input?: TypedArray;
  readonly output?: TypedArray;
  /** The numbers travel on another way: the ranks only meet and compare their calls. */
  readonly elsewhere?: true;
}

const reductions: readonly ReduceOp[] = ["sum", "mean", "max"];
/** Longer waits do not fit timers. */
const longestMs = 2 ** 31 - 1;

function checkArray(array: CollectiveArray, what: string): void {
  const info = Object.hasOwn(dtypes, array.dtype) ? dtypes[array.dtype] : undefined;
  if (info === undefined) throw new ArgumentError(`${what} has the dtype ${String(array.dtype)}`, { hint: `one of ${Object.keys(dtypes).join(", ")}` });
  if (!(array.data instanceof info.array))
    throw new ArgumentError(`${what} of ${array.dtype} is no ${info.array.name}`, { hint: `${array.dtype} numbers lie in a ${info.array.name}` });
  if (!(array.data.buffer instanceof ArrayBuffer))
    throw new ArgumentError(`${what} lies in a SharedArrayBuffer`, { hint: "collectives need an ArrayBuffer of their own until they are done" });
  // Its memory may vanish while native threads still use it.
  if ((array.data.buffer as { readonly resizable?: boolean }).resizable)
    throw new ArgumentError(`${what} lies in a resizable ArrayBuffer`, { hint: "collectives need an ArrayBuffer of one size" });
}

function checkReduction(dtype: DType, op: ReduceOp): void {
  if (!reductions.includes(op)) throw new ArgumentError(`there is no reduction "${String(op)}"`, { hint: `one of ${reductions.join(", ")}` });
  if (op === "mean" && !isFloat(dtype))
    throw new ArgumentError(`mean of ${dtype}`, { hint: "the mean of whole numbers is none: take the sum, or convert to float32" });
  if (dtype === "bool" && op !== "max") throw new ArgumentError(`${op} of bool`, { hint: "max says whether any rank has true; to count, convert to int32" });
}

/** part: `size` of them make up whole; they lie in different memory, or part is where it belongs in whole. */
function checkParts(part: CollectiveArray, whole: CollectiveArray, rank: number, size: number, names: { readonly part: string; readonly whole: string }): void {
  checkArray(part, names.part);
  checkArray(whole, names.whole);
  if (part.dtype !== whole.dtype)
    throw new ArgumentError(`${names.part} is ${part.dtype}, ${names.whole} ${whole.dtype}`, { hint: "both must have one dtype" });
  if (part.data.length * size !== whole.data.length)
    throw new ShapeError(`${names.whole} has ${whole.data.length} elements, ${names.part} ${part.data.length}`, {
      hint: `${names.whole} must be ${size} times (once per rank) as long`,
    });
  if (part.data.buffer !== whole.data.buffer) return;
  const [begin, end] = [part.data.byteOffset, part.data.byteOffset + part.data.byteLength];
  const place = whole.data.byteOffset + rank * part.data.byteLength;
  if (begin === place || end <= whole.data.byteOffset || begin >= whole.data.byteOffset + whole.data.byteLength) return;
  throw new ArgumentError(`${names.part} overlaps ${names.whole}`, { hint: `of ${names.whole} only rank ${rank}'s own part may be ${names.part}` });
}

export function checkAllReduce(data: CollectiveArray, op: ReduceOp): CheckedCall {
  checkArray(data, "data");
  checkReduction(data.dtype, op);
  return { op: "all-reduce", dtype: data.dtype, reduce: op, count: data.data.length, input: data.data, output: data.data };
}

export function checkReduceScatter(input: CollectiveArray, output: CollectiveArray, op: ReduceOp, rank: number, size: number): CheckedCall {
  checkParts(output, input, rank, size, { part: "output", whole: "input" });
  checkReduction(input.dtype, op);
  return { op: "reduce-scatter", dtype: input.dtype, reduce: op, count: input.data.length, input: input.data, output: output.data };
}

export function checkAllGather(input: CollectiveArray, output: CollectiveArray, rank: number, size: number): CheckedCall {
  checkParts(input, output, rank, size, { part: "input", whole: "output" });
  return { op: "all-gather", dtype: input.dtype, count: input.data.length, input: input.data, output: output.data };
}

export function checkBroadcast(data: CollectiveArray, root: number, size: number): CheckedCall {
  checkArray(data, "data");
  checkRoot(root, size);
  return { op: "broadcast", dtype: data.dtype, root, count: data.data.length, input: data.data, output: data.data };
}

export const barrierCall: CheckedCall = { op: "barrier", count: 0 };

export function checkRoot(root: number, size: number): void {
  if (!Number.isInteger(root) || root < 0 || root >= size)
    throw new ArgumentError(`there is no rank ${root}`, { hint: `root is a rank of the group, 0 to ${size - 1}` });
}

/** Bytes of memory for all ranks; Node gives native code no larger ArrayBuffers (4 GiB in Node 20). */
export function checkBytes(bytes: number): void {
  if (Number.isInteger(bytes) && bytes >= 0 && bytes <= constants.MAX_LENGTH) return;
  const hint = `give a whole number of bytes, ${constants.MAX_LENGTH} at most in one piece in Node ${process.versions.node}`;
  throw new ArgumentError(`${bytes} bytes of shared memory`, { hint });
}

/** A number of milliseconds. */
export function checkTimeout(timeoutMs: number | undefined, fallback: number): number {
  if (timeoutMs === undefined) return fallback;
  if (!(timeoutMs > 0)) throw new ArgumentError(`timeoutMs is ${timeoutMs}`, { hint: "give a positive number of milliseconds" });
  return Math.min(timeoutMs, longestMs);
}

/** The options of the collectives that an operation is made of. */
export const innerOptions = ({ timeoutMs, signal }: CollectiveOptions, site: string | undefined, purpose: string): CollectiveOptions => ({
  purpose,
  ...(site !== undefined && { site }),
  ...(timeoutMs !== undefined && { timeoutMs }),
  ...(signal !== undefined && { signal }),
});
