// What the compiler is told: which passes run, and in what precision products are computed.
import type { Graph } from "../graph/graph.js";
import type { GemmChooser } from "../graph/passes/gemm.js";
import type { Target } from "../graph/passes/lower/index.js";
import type { Precision } from "../graph/passes/pass.js";
import type { GradientBuckets } from "./taps.js";
import type { PassReport, PassSwitches } from "../graph/passes/pipeline.js";

export interface CompilerOptions {
  /** Told of in the middle of runs (taps); default: nothing is. */
  readonly buckets?: GradientBuckets | undefined;
  /** false turns a pass off: { unpad: false }. */
  readonly passes?: PassSwitches | undefined;
  /** "bf16": inputs of matrix products are rounded to bfloat16, sums are float32. Default "no". */
  readonly precision?: Precision | undefined;
  /** false: gradients of embeddings leave the graph as whole tables, not as the rows that were looked up. The numbers are the same. Default true. */
  readonly sparseGradients?: boolean | undefined;
  /** Who multiplies matrices of float32; default: who is faster on this machine (see GemmChoices). */
  readonly gemm?: GemmChooser | undefined;
  /** What programs are compiled for; default: ONNX Runtime on the processor with all kernels of the library. */
  readonly target?: Target | undefined;
  /** Called after each pass. */
  readonly watch?: ((report: PassReport, graph: Graph) => void) | undefined;
}

/** The same for options that compile alike. */
export function compilerKey({ passes = {}, precision = "no", sparseGradients = true, target, buckets }: CompilerOptions): string {
  const off = Object.entries(passes)
    .filter(([, on]) => on === false)
    .map(([name]) => name)
    .sort();
  const place = target && target.type !== "cpu" ? ` ${target.type}${target.half ? " half" : ""} ${[...target.kernels].sort().join()} ` : "";
  return `${place}${buckets ? `taps ${buckets.version} ` : ""}${precision}${sparseGradients ? "" : "-rows"}${off.map((name) => `-${name}`).join("")}`;
}
