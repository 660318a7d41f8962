// tensor.at(...): positions, ranges and new dims, dim by dim.
import { ArgumentError, ShapeError } from "../errors.js";
import { apply } from "./apply.js";
import { Tensor } from "./tensor.js";
import { activeTracer } from "./trace.js";
import type { Index } from "./types.js";

/** Positions in the leading dims of a tensor whose numbers are known: the same memory, without a run. Rows of an encoded batch are asked for one by one. */
function known(tensor: Tensor, index: readonly Index[]): Tensor | undefined {
  const { state } = tensor;
  // In forward it is part of the graph: the tensor may be another one at the next call.
  if (state.kind !== "concrete" || index.length === 0 || activeTracer()) return undefined;
  const { shape, data } = state;
  let [from, size] = [0, data.length];
  for (const [dim, i] of index.entries()) {
    const length = shape[dim]!;
    if (typeof i !== "number" || !Number.isInteger(i) || i < -length || i >= length) return undefined;
    size /= length;
    from += (i < 0 ? i + length : i) * size;
  }
  return Tensor.make(tensor.dtype, { kind: "concrete", shape: shape.slice(index.length), data: data.subarray(from, from + size) });
}

/** @throws ShapeError for more dims than there are, ArgumentError for what is no range. */
export function at(tensor: Tensor, index: readonly Index[]): Tensor {
  const named = index.filter((i) => i !== null).length;
  if (named > tensor.rank) throw new ShapeError(`at(${index.join(", ")}) names ${named} dims of a tensor of rank ${tensor.rank}`);
  const row = known(tensor, index);
  if (row) return row;
  let x = tensor;
  let dim = 0;
  for (const i of index) {
    if (i === null) x = x.unsqueeze(dim++);
    else if (typeof i === "number") {
      if (!Number.isInteger(i)) throw new ArgumentError(`at: ${i} is no position`, { hint: "positions are whole numbers, negative ones count from the end" });
      x = apply("position", [x], { dim, index: i });
    } else {
      const match = /^(-?\d*):(-?\d*)$/.exec(i);
      if (!match) throw new ArgumentError(`at: "${i}" is no range`, { hint: 'write ":", "1:", ":-1" or "2:5"' });
      const [, from, to] = match;
      if (from || to) x = apply("range", [x], { dim, start: Number(from || 0), end: to ? Number(to) : undefined });
      dim++;
    }
  }
  return x;
}
