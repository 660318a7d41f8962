// Values that are no tensors, between workers: as structured clones, in which a tensor would lose its numbers.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { ShapeError } from "../../errors.js";
import { tensorIn } from "../../tensor/tensor-in.js";
import { inexactRows, type RowsInUse } from "./exchange-tensors.js";

/** The value; one that holds a tensor cannot be serialised any more, which all workers are told of. */
export function carried<T>(value: T): T {
  const path = tensorIn(value);
  if (path === undefined) return value;
  const refuse = (): never => {
    throw new TypeError(`${path} is a tensor, give its numbers (await x.toArray()) or use calls for tensors`);
  };
  return Object.defineProperty({}, "tensor", { enumerable: true, get: refuse }) as T;
}

/** A list that holds no tensors anywhere. */
export const isListOfObjects = (value: unknown): value is readonly unknown[] => Array.isArray(value) && tensorIn(value) === undefined;

interface Told {
  readonly objects?: readonly unknown[];
  /** As a worker with tensors would tell of them: none. */
  readonly values: readonly never[];
  readonly batch: RowsInUse;
}

/** Lists of all ranks, one behind the other. Where they are as long as the batches in use, only what belongs to rows that count; `inexact` says so where they are not. */
export async function gatherRealObjects(
  group: ProcessGroup,
  objects: readonly unknown[],
  batch: RowsInUse,
  options: CollectiveOptions,
): Promise<{ readonly values: unknown[]; readonly inexact: string | undefined }> {
  const all = await group.allGatherObject<Told>({ objects, values: [], batch }, options);
  const other = all.findIndex((told) => told.objects === undefined);
  if (other >= 0)
    throw new ShapeError(`rank ${other} gave tensors, rank ${group.rank} gave a list of other values`, { hint: "every worker must give the same structure" });
  const byRows = all.every((told) => told.batch?.rows === told.objects!.length);
  const inexact = byRows
    ? undefined
    : inexactRows(
        "a list",
        all.map((told) => told.batch),
      );
  return { values: all.flatMap((told) => (byRows ? told.objects!.slice(0, told.batch!.realRows) : told.objects!)), inexact };
}
