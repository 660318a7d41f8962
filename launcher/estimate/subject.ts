// What is estimated: a model's tensors, and the graph that a step of it would run.
import type { DType } from "../../src/graph/dtype.js";
import type { GraphCost } from "../../src/graph/cost.js";
import type { Graph, Value } from "../../src/graph/graph.js";
import type { CompilerOptions } from "../../src/tensor/compiler-options.js";

/** A tensor of weights. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  /** As it is stored, or kept while training. */
  readonly dtype: DType | string;
  readonly elements: number;
  readonly bytes: number;
}

export interface StepSizes {
  readonly batchSize: number;
  readonly sequenceLength: number;
  /** Part of the tokens that are no padding, 0 to 1; default 1. */
  readonly filled?: number;
}
export type StepMode = "training" | "inference";

/** A graph with the sizes of one step. */
export interface StepGraph {
  readonly graph: Graph;
  bytes(value: Value): number;
  /** Where a graph has been compiled. */
  cost?(): GraphCost;
}

/** A part of the model that is not split over devices. */
export interface Layer {
  readonly name: string;
  /** In float32. */
  readonly bytes: number;
  /** Of buffers that Python's module of this name keeps beside its weights, and this library does not. */
  readonly pythonBuffers?: number;
}

export interface Subject {
  /** A class, or the name in the file. */
  readonly name: string;
  /** The folder or file. */
  readonly source: string;
  readonly weights: readonly Weight[];
  readonly layers: readonly Layer[];
  /** What the loss of a training step is. */
  readonly loss: string | undefined;
  /** @throws AccelerateError where there is no such graph */
  step(sizes: StepSizes, mode: StepMode, compiler?: CompilerOptions): StepGraph;
}
