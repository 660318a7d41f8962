// Linear maps: with known sizes, and with an input size learnt from the first call.
import { ArgumentError, ShapeError } from "../errors.js";
import { Parameter } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { linear } from "./functional.js";
import { type Initializer, kaimingUniform, uniform } from "./init.js";
import { Module } from "./module.js";
import { pythonBool } from "./module-repr.js";
import { sizesInCall } from "./sizes.js";

export interface LinearOptions {
  /** Default true. A parameter is used as it is: tied to wherever else it is. */
  readonly bias?: boolean | Parameter<1>;
  /** A parameter [outFeatures, inFeatures] that is used as it is, such as an Embedding's: tied weights. */
  readonly weight?: Parameter<2>;
  /** First values of the weight [outFeatures, inFeatures] and of the bias; torch's unless told. */
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

export function checkSize(who: string, what: string, size: number): void {
  if (!Number.isSafeInteger(size) || size < 1) throw new ArgumentError(`${who}: ${what} is a whole number from 1 up, not ${size}`);
}

/** A parameter from elsewhere has to have the layer's sizes. */
function fitting<R extends number>(what: string, parameter: Parameter<R>, shape: readonly number[]): Parameter<R> {
  if (parameter.shape.join() === shape.join()) return parameter;
  throw new ShapeError(`Linear: its ${what} is [${shape.join(", ")}], the given one [${parameter.shape.join(", ")}]`);
}

/** torch's first values: both weight and bias U(-b, b) with b = 1 / sqrt(in). */
function firstWeight(inFeatures: number, outFeatures: number, options: LinearOptions): Parameter<2> {
  if (options.weight) return fitting("weight", options.weight, [outFeatures, inFeatures]);
  const init = options.weightInit ?? ((shape) => kaimingUniform(shape, { a: Math.sqrt(5) }));
  return new Parameter(init([outFeatures, inFeatures]) as Tensor<2, "float32">);
}
function firstBias(inFeatures: number, outFeatures: number, options: LinearOptions): Parameter<1> | undefined {
  if (options.bias === false) return undefined;
  if (options.bias instanceof Parameter) return fitting("bias", options.bias, [outFeatures]);
  const bound = 1 / Math.sqrt(inFeatures);
  const init = options.biasInit ?? ((shape) => uniform(shape, { low: -bound, high: bound }));
  return new Parameter(init([outFeatures]) as Tensor<1, "float32">);
}

/**
 * x W^T + b: [..., inFeatures] to [..., outFeatures]. The weight is [outFeatures, inFeatures].
 *
 * @example
 * const layer = new Linear(4, 2);
 * const y = layer(tensor([[1, 2, 3, 4]])); // [1, 2]
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter<2>;
  readonly bias: Parameter<1> | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkSize("Linear", "inFeatures", inFeatures);
    checkSize("Linear", "outFeatures", outFeatures);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = firstWeight(inFeatures, outFeatures, options);
    this.bias = firstBias(inFeatures, outFeatures, options);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== undefined)}`;
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/**
 * A Linear that learns inFeatures from its first input; the first values are drawn then.
 *
 * @example
 * const head = new LazyLinear(3);
 * const y = head(tensor([[1, 2]])); // [1, 3]; head.weight is now [3, 2]
 */
export class LazyLinear extends Module {
  readonly outFeatures: number;
  readonly options: LinearOptions;
  weight: Parameter<2> | undefined;
  bias: Parameter<1> | undefined;

  constructor(outFeatures: number, options: LinearOptions = {}) {
    super();
    checkSize("LazyLinear", "outFeatures", outFeatures);
    this.outFeatures = outFeatures;
    this.options = options;
  }

  override extraRepr(): string {
    return `in_features=${this.weight?.shape[1] ?? 0}, out_features=${this.outFeatures}, bias=${pythonBool(this.options.bias !== false)}`;
  }

  forward(x: Tensor): Tensor {
    if (this.weight === undefined) this.materialize(lastSize(x));
    return linear(x, this.weight!, this.bias);
  }

  /** Takes the size from a saved weight [outFeatures, inFeatures]: what is loaded needs no first input. */
  materializeFor(shapeOf: (field: string) => readonly number[] | undefined): void {
    const inFeatures = shapeOf("weight")?.[1];
    if (this.weight === undefined && inFeatures !== undefined && inFeatures > 0) this.materialize(inFeatures);
  }
  /** Gives the layer its parameters for inputs of a size. */
  materialize(inFeatures: number): void {
    this.weight = firstWeight(inFeatures, this.outFeatures, this.options);
    this.bias = firstBias(inFeatures, this.outFeatures, this.options);
  }
}

/** The last size of a tensor in this very call, also where it is symbolic. */
function lastSize(x: Tensor): number {
  const size = sizesInCall(x).at(-1);
  if (size === undefined)
    throw new ShapeError("LazyLinear: the size of the last dim of its first input is not known", { hint: "use Linear and give inFeatures" });
  return size;
}
