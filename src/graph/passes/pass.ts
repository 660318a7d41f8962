// What a pass of the compiler is.
import type { Graph, Value } from "../graph.js";
import type { Assumption, FedData } from "./assumptions.js";
import type { GemmChooser } from "./gemm.js";
import type { Target } from "./lower/target.js";
import type { PassName } from "./pipeline.js";

/** In what matrix products are computed, and what follows from them as far as it is safe; everything else stays float32. */
export type Precision = "no" | "bf16" | "fp16";

export interface PassContext {
  /** Whether the data of this run fulfil a condition; if so, the compiled graph is used only for runs that do. */
  assume(assumption: Assumption): boolean;
  /**
   * What this run feeds to some inputs; undefined where nobody knows. For hints of sizes, and for what is then assumed: a choice that this run's data alone made would change with the order of
   * runs, and with it the bits of a resumed training.
   */
  look(inputs: readonly Value[]): readonly FedData[] | undefined;
  readonly precision: Precision;
  /** Whether the graph is differentiated: its first output is the loss then. */
  readonly backward: boolean;
  /** The device that the graph is compiled for; undefined: the processor. There sizes that only data tell are unknown to the host, so passes that make such sizes decline. */
  readonly target?: Target | undefined;
  /** Who multiplies matrices of float32; undefined: ONNX Runtime all of them. */
  readonly gemm?: GemmChooser | undefined;
}

/**
 * A rewrite of a graph after which the graph's outputs are what they were, to rounding. It works on the graph in place; `graph.inputs` stay the same objects, and `graph.outputs` are
 * everything that somebody wants: a pass may put another value at a position, of the same meaning, dtype and shape.
 */
export interface GraphPass {
  readonly name: PassName;
  /** Before or after the graph is differentiated. */
  readonly stage: "forward" | "backward";
  /** One line for people. */
  readonly says: string;
  /** Returns how many places it changed; 0 leaves the graph as it was. */
  run(graph: Graph, context: PassContext): number;
}
