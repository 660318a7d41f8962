// Layer normalisation with its scale and shift.
import { Parameter } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { layerNorm, layerNormEpsilon } from "./functional.js";
import { ones, zeros } from "./init.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";
import { pythonBool, pythonFloat } from "./module-repr.js";

export interface LayerNormOptions {
  /** Added to the variance; default 1e-5 (BERT uses 1e-12). */
  readonly epsilon?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * Normalises the last dim: [..., size] to [..., size].
 *
 * @example
 * const norm = new LayerNorm(2);
 * await norm(tensor([[1, 3]])).toArray(); // [[-1, 1]], nearly
 */
export class LayerNorm extends Module {
  readonly epsilon: number;
  readonly weight: Parameter<1>;
  readonly bias: Parameter<1> | undefined;

  constructor(size: number, options: LayerNormOptions = {}) {
    super();
    checkSize("LayerNorm", "size", size);
    this.epsilon = options.epsilon ?? layerNormEpsilon;
    this.weight = new Parameter(ones([size]) as Tensor<1, "float32">);
    this.bias = options.bias === false ? undefined : new Parameter(zeros([size]) as Tensor<1, "float32">);
  }

  override extraRepr(): string {
    return `(${this.weight.shape[0]},), eps=${pythonFloat(this.epsilon)}, elementwise_affine=True, bias=${pythonBool(this.bias !== undefined)}`;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, { epsilon: this.epsilon });
  }
}
