// A size that is not known while forward is traced: an opaque object that only functions which take sizes understand.
import { inspect } from "node:util";
import { AccelerateError } from "../errors.js";
import type { Dim as GraphDim } from "../graph/dims.js";
import type { Dim } from "./types.js";

/** What `size()` and `shape` give inside forward for a size that differs from batch to batch. */
export class SymbolicSize {
  readonly dim: GraphDim;
  readonly #what: string;

  constructor(dim: GraphDim, what: string) {
    this.dim = dim;
    this.#what = what;
  }

  [Symbol.toPrimitive](): never {
    throw new AccelerateError("ERR_SYMBOLIC_SIZE", `${this.#what} differs from batch to batch and has no value while forward is traced`, {
      hint: "pass size(dim) to what takes sizes (reshape, expand, arange, zeros, ...), or use -1 in reshape; do not calculate with it",
    });
  }
  [inspect.custom](): string {
    return `size(${this.dim})`;
  }
}

/** The graph's dim behind a public size. */
export const graphDim = (size: Dim): GraphDim => ((size as unknown) instanceof SymbolicSize ? (size as unknown as SymbolicSize).dim : size);
export const publicDim = (dim: GraphDim, what: string): Dim => (typeof dim === "number" ? dim : new SymbolicSize(dim, what)) as Dim;
