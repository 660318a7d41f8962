// A table of vectors, looked up by number.
import { ArgumentError } from "../errors.js";
import { Parameter } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { embedding } from "./functional.js";
import { type Initializer, normal } from "./init.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";

export interface EmbeddingLayerOptions {
  /** A row that is zero at first and gets no gradient: padding. */
  readonly paddingIdx?: number | undefined;
  /** First values; N(0, 1) unless told. */
  readonly weightInit?: Initializer;
}

/**
 * Rows of a table [count, size]: ids [...] int64 to [..., size]. First values N(0, 1), as torch's.
 *
 * @example
 * const table = new Embedding(100, 16, { paddingIdx: 0 });
 * const vectors = table(tensor([[5, 7, 0]], { dtype: "int64" })); // [1, 3, 16]
 */
export class Embedding extends Module {
  readonly paddingIdx: number | undefined;
  readonly weight: Parameter<2>;

  constructor(count: number, size: number, options: EmbeddingLayerOptions = {}) {
    super();
    checkSize("Embedding", "count", count);
    checkSize("Embedding", "size", size);
    const { paddingIdx } = options;
    if (paddingIdx !== undefined && !(Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < count))
      throw new ArgumentError(`Embedding: paddingIdx ${paddingIdx} is no row of ${count}`);
    this.paddingIdx = paddingIdx;
    this.weight = new Parameter((options.weightInit ?? normal)([count, size]) as Tensor<2, "float32">);
    this.zeroPadding();
  }

  /** Sets the padding row to zero. */
  zeroPadding(): void {
    if (this.paddingIdx === undefined) return;
    const size = this.weight.shape[1]!;
    this.weight.values().fill(0, this.paddingIdx * size, (this.paddingIdx + 1) * size);
    this.weight.changed();
  }

  override extraRepr(): string {
    return `${this.weight.shape.join(", ")}${this.paddingIdx === undefined ? "" : `, padding_idx=${this.paddingIdx}`}`;
  }

  forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight, { paddingIdx: this.paddingIdx });
  }
}
