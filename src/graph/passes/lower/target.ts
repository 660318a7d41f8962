// What graphs are lowered for: an engine of ONNX Runtime's, and the library's own kernels on it.
import type { DType } from "../../dtype.js";
import type { Graph, Node } from "../../graph.js";

/** The devices by their kind; the same names as in runtime/device.ts. */
export type TargetType = "cpu" | "cuda" | "webgpu";

export interface Target {
  readonly type: TargetType;
  /** Ops of the domain accelerate_ts that have a kernel there: "Dropout" for float32, "Dropout:float16" and "Dropout:bfloat16" for the narrow types. */
  readonly kernels: ReadonlySet<string>;
  /** Whether it computes in float16. */
  readonly half: boolean;
}

/** Whether one of the library's own ops has a kernel for numbers of a type. The processor has all of them, for float32 and float64. */
export function hasKernel({ type, kernels }: Target, op: string, dtype: DType): boolean {
  const wide = dtype !== "float16" && dtype !== "bfloat16";
  if (type === "cpu") return wide;
  return kernels.has(wide ? op : `${op}:${dtype}`);
}

/** The largest heads that CUDA's attention computes: `most_head_size` in src/native/cuda/kernels/api.h. */
const mostHeadSize = 128;

/** Whether a kernel takes a node as it is: CUDA's attention has dense keys and heads of up to 128 numbers, and none of them has float64. */
export function takesNode({ type }: Target, graph: Graph, node: Node): boolean {
  if (type !== "cuda") return true;
  if ([...node.inputs, ...node.outputs].some((value) => value?.dtype === "float64")) return false;
  const first = node.op === "Attention" ? 0 : node.op === "AttentionGrad" ? 1 : -1;
  if (first < 0) return true;
  const { heads } = node.attributes;
  const sizes = [0, 2].map((i) => Number(graph.env.resolve(node.inputs[first + i]!.shape.at(-1)!)) / Number(heads));
  return node.inputs[first + 6] === undefined && sizes.every((size) => size <= mostHeadSize);
}
