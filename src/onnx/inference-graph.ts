// The graph of a module in evaluation mode, with its parameters as constants: what a file for other engines holds.
import { AccelerateError, ArgumentError } from "../errors.js";
import { copyNodes } from "../graph/copy-nodes.js";
import type { TensorData } from "../graph/dtype.js";
import { Graph, type Value } from "../graph/graph.js";
import { shareSubexpressions } from "../graph/passes/common-subexpressions.js";
import { removeDeadCode } from "../graph/passes/dead-code.js";
import { decomposeComposites } from "../graph/passes/decompose.js";
import { standardOnly } from "../graph/passes/standard-only.js";
import { traceCall } from "../tensor/call.js";
import type { OutputTree, Trace } from "../tensor/trace.js";
import type { ModuleBase } from "../nn/module.js";

export interface InferenceGraphOptions {
  /** Names of the sizes of an input; equal names are one size. */
  readonly sizeName: (input: string, axis: number) => string;
  /** Outputs to keep; all of them without it. */
  readonly outputs?: readonly string[] | undefined;
}

/** Runs with all of a module in evaluation mode, and gives each part its mode back. */
function evaluating<T>(module: ModuleBase, body: () => T): T {
  const modes = [...module.modules()].map((part) => [part as { training: boolean }, part.training] as const);
  module.eval();
  try {
    return body();
  } finally {
    for (const [part, mode] of modes) part.training = mode;
  }
}

/** Tensors of what forward returned, by the keys that lead to them. */
function* namedOutputs(tree: OutputTree, name: string): Generator<readonly [name: string, index: number]> {
  if (tree.kind === "tensor") yield [name || "output", tree.index];
  else if (tree.kind === "array") for (const [i, item] of tree.items.entries()) yield* namedOutputs(item, name ? `${name}.${i}` : `output.${i}`);
  else if (tree.kind === "object") for (const [key, item] of tree.entries) yield* namedOutputs(item, name ? `${name}.${key}` : key);
}

/** Numbers of everything that a forward met, as constants of another graph. */
async function constants({ parameters, captured }: Trace, graph: Graph): Promise<Map<Value, Value>> {
  const found: (readonly [Value, TensorData])[] = [];
  for (const [p, value] of parameters) found.push([value, { dtype: p.dtype, shape: p.shape, data: p.values() }]);
  for (const { tensor, value } of captured) found.push([value, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.data() }]);
  return new Map(found.map(([value, data]) => [value, graph.constant(data, value.name)] as const));
}

/**
 * @param args what the module is called with; all sizes of tensors become symbols, but for those that the module itself fixes
 * @throws AccelerateError ERR_EXPORT_OP for ops that ONNX has not, ERR_EXPORT_RANDOM for a module that draws in evaluation mode too
 */
export async function inferenceGraph(module: ModuleBase, args: readonly unknown[], options: InferenceGraphOptions): Promise<Graph> {
  const { trace, tensors } = evaluating(module, () => traceCall(module, args));
  if (trace.key)
    throw new AccelerateError("ERR_EXPORT_RANDOM", `${trace.name} draws random numbers in evaluation mode too`, {
      hint: "give dropout the option training: this.training",
    });
  const outputs = new Map(namedOutputs(trace.tree, ""));
  const wanted = options.outputs ?? [...outputs.keys()];
  const missing = wanted.filter((name) => !outputs.has(name));
  if (missing.length > 0 || wanted.length === 0)
    throw new ArgumentError(`${trace.name} returns ${missing.length > 0 ? `no ${missing.join(", ")}` : "no tensor"}`, {
      code: "ERR_EXPORT_OUTPUT",
      hint: `its outputs are ${[...outputs.keys()].join(", ") || "none"}`,
    });

  // The trace is of this call alone, so it may be changed: what no other engine has a kernel for is written by its parts.
  trace.graph.outputs.push(...trace.outputs);
  decomposeComposites(trace.graph);

  const graph = new Graph();
  const given = new Map<Value, Value>();
  for (const [i, value] of trace.inputs.entries()) {
    const shape = tensors[i]!.shape.map((size, axis) => graph.env.symbol(size, options.sizeName(value.name, axis)));
    given.set(value, graph.input(value.name, value.dtype, shape));
  }
  for (const [value, constant] of await constants(trace, graph)) given.set(value, constant);
  const values = copyNodes(trace.graph, graph, given, standardOnly(trace.graph, graph));
  for (const name of wanted) graph.output(values.get(trace.graph.outputs[outputs.get(name)!]!)!, name);
  shareSubexpressions(graph);
  removeDeadCode(graph);
  return graph;
}
