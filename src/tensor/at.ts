// tensor.at(...): positions, ranges and new dims, dim by dim.
import { ArgumentError, ShapeError } from "../errors.js";
import { apply } from "./apply.js";
import type { Tensor } from "./tensor.js";
import type { Index } from "./types.js";

/** @throws ShapeError for more dims than there are, ArgumentError for what is no range. */
export function at(tensor: Tensor, index: readonly Index[]): Tensor {
  const named = index.filter((i) => i !== null).length;
  if (named > tensor.rank) throw new ShapeError(`at(${index.join(", ")}) names ${named} dims of a tensor of rank ${tensor.rank}`);
  let x = tensor;
  let dim = 0;
  for (const i of index) {
    if (i === null) x = x.unsqueeze(dim++);
    else if (typeof i === "number") x = apply("position", [x], { dim, index: i });
    else {
      const match = /^(-?\d*):(-?\d*)$/.exec(i);
      if (!match) throw new ArgumentError(`at: "${i}" is no range`, { hint: 'write ":", "1:", ":-1" or "2:5"' });
      const [, from, to] = match;
      if (from || to) x = apply("range", [x], { dim, start: Number(from || 0), end: to ? Number(to) : undefined });
      dim++;
    }
  }
  return x;
}
