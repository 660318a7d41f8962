// What a loader and its threads say to each other.
import { dtypes, sizeOf, type TypedArray } from "../../graph/dtype.js";
import { ArgumentError } from "../../errors.js";
import type { ThreadFailure } from "../../threads/index.js";
import { type Parts, takeApart, type TensorPart } from "./parts.js";
import type { ExportRef, TravellingRows } from "./exported.js";

/** What all threads of a loader are made with. */
export interface ThreadPlan {
  /** Undefined when rows come with the tasks. */
  readonly rows: TravellingRows | undefined;
  /** Undefined: the default collator. */
  readonly collator: ExportRef | undefined;
  /** Called once in each thread with its number, before its first batch. */
  readonly init: ExportRef | undefined;
  /** The number of the next thread. */
  readonly counter: Int32Array;
}
export interface BatchTask {
  readonly epoch: number;
  /** Numbers of the rows. */
  readonly keys: readonly number[];
  /** The rows themselves, where threads cannot read them. */
  readonly rows: Parts | undefined;
  /** Paths that are known to hold fractions. */
  readonly floats: readonly string[];
}
/** `floats`: the paths of the task and those that this batch has found. */
export type BatchAnswer = { readonly batch: Parts; readonly floats: readonly string[] } | { readonly failure: ThreadFailure };

/** Rows for a thread: tensors over a part of a larger memory, as rows of an encoding are, take their part along. */
export async function rowsForThread(rows: readonly unknown[]): Promise<Parts> {
  const { value, tensors } = await takeApart(rows, (what, place) => cannot("a row", what, place));
  return { value, tensors: tensors.map((part) => ({ ...part, data: ownMemory(part) })) };
}

/** A batch for the loader, whose memory goes over with it. */
export async function batchForLoader(batch: unknown): Promise<{ readonly parts: Parts; readonly moved: ArrayBuffer[] }> {
  const { value, tensors } = await takeApart(batch, (what, place) => cannot("the batch", what, place));
  const moved = new Set<ArrayBuffer>();
  const parts = tensors.map((part) => {
    const { dtype, shape } = part;
    if (part.data.length !== sizeOf(shape))
      throw new ArgumentError(
        `DataLoader: a tensor [${shape}] of the batch was part of an earlier one, with which its memory has left this thread (numWorkers)`,
        {
          code: "ERR_BATCH_MOVED",
          hint: "a collateFn makes new tensors for every batch",
        },
      );
    const data = ownMemory(part);
    if (data.buffer instanceof ArrayBuffer) moved.add(data.buffer);
    return { dtype, shape, data };
  });
  return { parts: { value, tensors: parts }, moved: [...moved] };
}

/** The numbers, copied where they are a part of a larger memory, which would travel with them. */
function ownMemory({ dtype, data }: TensorPart): TypedArray {
  if (data.buffer.byteLength === data.byteLength) return data;
  const own = new dtypes[dtype].array(data.length);
  own.set(data as never);
  return own;
}
const cannot = (whose: string, what: string, place: string): ArgumentError =>
  new ArgumentError(`DataLoader: ${whose} holds ${what}, which cannot travel between threads (numWorkers)${place ? `: ${place}` : ""}`, {
    code: "ERR_LOADER_TRAVEL",
    hint: "numbers, texts, lists, plain objects and tensors travel; or leave numWorkers out",
  });
