// Tokens that are no padding, as attention's key bias tells them apart.
import type { Builder } from "../../builder.js";
import type { Value } from "../../graph.js";
import type { Evaluation } from "./evaluate.js";
import { RowSet, type RowSpace } from "./row-set.js";

/** At or below this a key gets no weight beside one whose bias is 0: exp of the difference of two scores is 0 in float32. */
export const maskedBias = -1e4;

/** What a key bias says for the data of a run: which tokens are there. */
export interface TokenMask {
  /** By row [B * S]: 1 where there is one. */
  readonly there: Uint8Array;
  readonly count: number;
}

/** The tokens of a key bias [B, S] that leaves tokens as they are (0) or hides them; undefined for one that does anything else, or hides all tokens of a batch entry. */
export function tokenMask(values: Evaluation, keyBias: Value): TokenMask | undefined {
  const { data, shape } = values.of(keyBias);
  const tokens = shape[1]!;
  const there = new Uint8Array(data.length);
  let count = 0;
  for (let entry = 0; entry < data.length; entry += tokens) {
    const before = count;
    for (let at = entry; at < entry + tokens; at++) {
      const x = data[at]!;
      if (x === 0) {
        there[at] = 1;
        count++;
      } else if (!(x <= maskedBias)) return undefined;
    }
    if (count === before) return undefined;
  }
  return { there, count };
}

/** The tokens that are there, while a graph runs. */
export class Tokens {
  readonly #b: Builder;
  readonly #keep: Value;
  readonly rows: RowSet;
  #inverse: Value | undefined;

  /** @param count how many there are in the run at hand */
  constructor(b: Builder, keyBias: Value, space: RowSpace, count: number) {
    this.#b = b;
    this.#keep = b.op("Greater", [keyBias, b.scalar(maskedBias / 2, keyBias.dtype)]);
    this.rows = new RowSet(b, space, { places: b.transpose(b.op("NonZero", [this.#keep], { _hint: count }), [1, 0]) }, { ordered: true });
  }

  /** Where the tokens of another set stand among these, which must hold them all: int64 [R]. */
  positionsOf(rows: RowSet): Value {
    const b = this.#b;
    this.#inverse ??= b.sub(b.op("CumSum", [b.cast(b.op("Reshape", [this.#keep, b.int64([-1])]), "int64"), b.scalar(0, "int64")]), b.scalar(1, "int64"));
    return b.gather(this.#inverse, rows.flat, 0);
  }
}
