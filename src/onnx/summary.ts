// What there is to know of an imported model, as text.
import { standardGradients } from "../autograd/index.js";
import { passes, stops } from "../autograd/reachability.js";
import { AccelerateError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import { isFloat, sizeOf } from "../graph/dtype.js";
import { Graph, type Node, type Value } from "../graph/graph.js";
import { type FormedNode, instantiate } from "../graph/onnx/instantiate.js";
import { declareInputs } from "../graph/onnx/read.js";
import type { ImportedFile } from "./onnx-model.js";

/** Lines of a table, columns aligned. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((w, row) => row.map((cell, i) => Math.max(w[i] ?? 0, cell.length)), []);
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`.trimEnd());
}
const count = (n: number): string => n.toLocaleString("en-US");
const show = (dims: readonly unknown[]): string => `[${dims.map((d) => d ?? "?").join(", ")}]`;

interface Layout {
  readonly graph: Graph;
  readonly values: ReadonlyMap<string, Value>;
}
/** The file's graph with sizes left open; undefined where only the sizes of a call make it one. */
function layout({ source, inputs, outputs, parameters, turned, buffers }: ImportedFile): Layout | undefined {
  const graph = new Graph();
  const given = declareInputs(graph, inputs);
  for (const [name, tensor] of [...parameters, ...buffers]) given.set(name, graph.input(name, tensor.dtype, tensor.shape));
  for (const [name, of] of turned) given.set(name, new Builder(graph).transpose(given.get(of)!, [1, 0]));
  try {
    // Dropout becomes the library's own, which has a rule.
    const lower = ({ op, domain, inputs: [x] }: FormedNode) => (op === "Dropout" && domain === "" ? [x, undefined] : undefined);
    return { graph, values: instantiate(source, graph, { given, wanted: outputs, fold: true, lower }) };
  } catch (error) {
    if (error instanceof AccelerateError) return undefined;
    throw error;
  }
}

/** Ops between the trainable parameters and the outputs that have neither a gradient rule nor a form in others, each with its first node. */
function withoutRule({ graph, values }: Layout, { parameters }: ImportedFile): ReadonlyMap<string, Node> {
  const dependent = new Set<Value>();
  for (const [name, p] of parameters) if (p.requiresGrad && values.has(name)) dependent.add(values.get(name)!);
  const found = new Map<string, Node>();
  for (const node of graph.nodes) {
    if (stops(node, standardGradients) || !node.inputs.some((v, i) => v && dependent.has(v) && passes(node, i))) continue;
    const shown = node.domain ? `${node.domain}.${node.op}` : node.op;
    if (standardGradients.get(node.op, node.domain) || graph.ops.get(node.op, node.domain)?.decompose) {
      for (const out of node.outputs) if (isFloat(out.dtype)) dependent.add(out);
    } else if (node.outputs.some((out) => isFloat(out.dtype)) && !found.has(shown)) found.set(shown, node);
  }
  return found;
}

export function summaryOf(imported: ImportedFile): string {
  const { file, source, inputs, outputs, parameters, turned, buffers } = imported;
  const found = layout(imported);
  const shapeOf = (name: string): readonly string[] => {
    const value = found?.values.get(name);
    return value ? [value.dtype, found!.graph.env.show(value.shape)] : ["", "known when it is called"];
  };
  const unique = [...new Set(parameters.values())];
  const numbers = (frozen: boolean) => unique.filter((p) => p.requiresGrad !== frozen).reduce((sum, p) => sum + sizeOf(p.shape), 0);
  const lines = [
    `${file}: opset ${source.opset}${source.producer && `, written by ${source.producer}`}`,
    "inputs",
    ...table(inputs.map(({ name, dtype, dims }) => [name, dtype, show(dims)])),
    "outputs",
    ...table(outputs.map((name) => [name, ...shapeOf(name)])),
    `parameters: ${count(numbers(false))} trainable, ${count(numbers(true))} frozen`,
    ...table([...parameters].map(([name, p]) => [name, show(p.shape), p.requiresGrad ? "trainable" : "frozen"])),
  ];
  if (turned.size > 0) lines.push("transposed", ...table([...turned].map(([name, of]) => [name, `is ${of}`])));
  if (buffers.size > 0) lines.push("buffers", ...table([...buffers].map(([name, b]) => [name, show(b.shape)])));
  if (found) {
    const missing = withoutRule(found, imported);
    lines.push(
      missing.size === 0 ? "ops without a gradient rule: none" : "ops without a gradient rule",
      ...table([...missing].map(([op, { name }]) => [op, `node ${name}`])),
    );
  }
  return lines.join("\n");
}
