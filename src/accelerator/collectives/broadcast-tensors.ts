// Tensors of one worker, on all of them.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { ShapeError } from "../../errors.js";
import { dtypes, sizeOf } from "../../graph/dtype.js";
import type { DType, Tensor } from "../../tensor/index.js";
import { concrete, known } from "./exchange-tensors.js";
import { tensorsIn } from "./nested.js";

/** The structure with the number of each tensor in its place: it can travel. */
type Numbered = number | readonly Numbered[] | { readonly [key: string]: Numbered };
interface Given {
  readonly tensors: readonly { readonly path: string; readonly dtype: DType; readonly shape: readonly number[] }[];
  /** Of the root only. */
  readonly structure: Numbered | undefined;
}

const show = ({ tensors }: Given): string =>
  tensors.map(({ path, dtype, shape }) => `${path && `${path}: `}${dtype} [${shape.join(", ")}]`).join(", ") || "no tensors";

function numbered(value: unknown, tensors: readonly Tensor[]): Numbered {
  const at = tensors.indexOf(value as Tensor);
  if (at >= 0) return at;
  if (Array.isArray(value)) return value.map((v) => numbered(v, tensors));
  return Object.fromEntries(Object.entries(value as object).map(([key, v]) => [key, numbered(v, tensors)]));
}
function restored(structure: Numbered, tensors: readonly Tensor[]): unknown {
  if (typeof structure === "number") return tensors[structure];
  if (Array.isArray(structure)) return structure.map((v: Numbered) => restored(v, tensors));
  return Object.fromEntries(Object.entries(structure).map(([key, v]) => [key, restored(v, tensors)]));
}

/** The root's tensors in their structure. Other ranks give undefined, or tensors of the same dtypes and shapes in the same places. @throws ShapeError on every rank, where they do not. */
export async function broadcastTensors<R>(group: ProcessGroup, value: unknown, root: number, options: CollectiveOptions): Promise<R> {
  const mine = value === undefined ? [] : tensorsIn(value, "broadcast");
  const isRoot = group.rank === root;
  const own: Given | undefined =
    value === undefined
      ? undefined
      : {
          tensors: mine.map(([path, { dtype, shape }]) => ({ path, dtype, shape: [...shape] })),
          structure: isRoot
            ? numbered(
                value,
                mine.map(([, tensor]) => tensor),
              )
            : undefined,
        };
  const all = await group.allGatherObject(own, options);
  const given = all[root];
  if (!given) throw new ShapeError(`broadcast: rank ${root} gave no tensors`, { hint: `give its value on rank ${root}; the others may give undefined` });
  const other = all.findIndex((theirs) => theirs !== undefined && show(theirs) !== show(given));
  if (other >= 0)
    throw new ShapeError(`broadcast: rank ${root} gives ${show(given)}, rank ${other} has ${show(all[other]!)}`, {
      hint: "give the same shapes and dtypes on every worker, or undefined where there is nothing to give",
    });
  const values = isRoot ? await known(mine) : [];
  const results: Tensor[] = [];
  for (const [i, { dtype, shape }] of given.tensors.entries()) {
    const data = values[i]?.data.slice() ?? new dtypes[dtype].array(sizeOf(shape));
    if (group.size > 1) await group.broadcast({ dtype, data }, root, options);
    results.push(concrete(dtype, shape, data));
  }
  return restored(given.structure!, results) as R;
}
