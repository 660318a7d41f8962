// What a tensor is, for the type checker: ranks, nested numbers, indices and sizes.

export type NestedNumbers = number | readonly NestedNumbers[];
/** number[] for rank 1, number[][] for rank 2, the recursive union for an unknown rank. */
interface NestedByRank {
  0: number;
  1: number[];
  2: number[][];
  3: number[][][];
  4: number[][][][];
  [rank: number]: NestedNumbers;
}
export type Nested<R extends number> = NestedByRank[R];

// Tables, not conditional types: their variance can be measured, so Tensor stays covariant.
interface Ranks {
  0: [number, 1];
  1: [0, 2];
  2: [1, 3];
  3: [2, 4];
  4: [3, number];
  [rank: number]: [number, number];
}
/** One rank fewer, one more; `number` stays unknown. */
export type Dec<R extends number> = Ranks[R][0];
export type Inc<R extends number> = Ranks[R][1];
export type NumbersIn<T> = NestedNumbers extends T ? number : T extends number ? 0 : T extends readonly (infer E)[] ? Inc<NumbersIn<E>> : number;

export type SliceText = ":" | `${number}:` | `:${number}` | `${number}:${number}`;
/** A position (drops the dim), a range (keeps it) or null (a new dim of size 1). */
export type Index = number | SliceText | null;

/** A size: a number outside forward, possibly symbolic inside it. Functions that take sizes take it. */
export type Dim = number & { readonly __dim?: never };

export interface KeepDim {
  readonly keepDim?: boolean;
}
/** Flags of a matrix product: operands taken transposed in their last two dims, and a factor. */
export interface MatMulFlags {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
}

export interface WaitOptions {
  /** Stops the run between two nodes; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}
