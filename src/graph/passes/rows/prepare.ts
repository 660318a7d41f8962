// What a graph is brought to before rows are looked for: sizes that are equal are known to be, nothing stands in the way, equal nodes are one.
import type { Graph, Value } from "../../graph.js";
import { shareSubexpressions } from "../common-subexpressions.js";
import { removeDeadCode } from "../dead-code.js";
import { replaceValues } from "./edit.js";
import { builderOf } from "./known-data.js";

/** Rows of data and of indices into them are the same where they are as many: GatherElements says it of none, a run of all. */
function meetIndices(graph: Graph): void {
  const { env } = graph;
  for (const { op, domain, inputs, attributes } of graph.nodes) {
    const [data, indices] = inputs;
    if (op !== "GatherElements" || domain !== "" || !data || !indices) continue;
    const axis = typeof attributes.axis === "number" ? attributes.axis : 0;
    for (const [i, d] of data.shape.entries()) if (i !== (axis < 0 ? axis + data.rank : axis)) env.equal(d, indices.shape[i]!);
  }
}

/** Sizes that are read from hidden states are read from the graph's inputs instead, where these have them: then nothing keeps hidden states for their sizes. */
function readSizesFromInputs(graph: Graph): void {
  const { env } = graph;
  const dims = new Set(graph.inputs.flatMap((v) => env.resolveShape(v.shape)));
  const b = builderOf(graph);
  const replaced = new Map<Value, Value>();
  const nodes = [...graph.nodes];
  graph.nodes.splice(0);
  for (const node of nodes) {
    for (const [i, v] of node.inputs.entries()) if (v) node.inputs[i] = replaced.get(v) ?? v;
    graph.nodes.push(node);
    const out = node.outputs[0]!;
    if (node.op !== "Shape" || node.domain !== "" || !node.inputs[0]?.producer || !out.content || graph.outputs.includes(out)) continue;
    if (!out.content.every((d) => typeof env.resolve(d) === "number" || dims.has(env.resolve(d)))) continue;
    graph.nodes.pop();
    replaced.set(out, b.sizes(out.content));
  }
}

/** Two transpositions that undo each other go: exporters leave them around attention. */
function cancelTransposes(graph: Graph): void {
  const permOf = (value: Value | undefined): readonly number[] | undefined =>
    value?.producer?.op === "Transpose" && value.producer.domain === "" ? (value.producer.attributes.perm as readonly number[] | undefined) : undefined;
  const replaced = new Map<Value, Value>();
  for (const { outputs, inputs } of graph.nodes) {
    const [outer, inner] = [permOf(outputs[0]), permOf(inputs[0])];
    const source = inputs[0]?.producer?.inputs[0];
    if (!outer || !inner || !source || graph.outputs.includes(outputs[0]!) || outer.some((axis, i) => inner[axis] !== i)) continue;
    replaced.set(outputs[0]!, replaced.get(source) ?? source);
  }
  replaceValues(graph, replaced);
}

/** Brings a graph into the form in which rows are looked for. */
export function prepare(graph: Graph): void {
  meetIndices(graph);
  readSizesFromInputs(graph);
  cancelTransposes(graph);
  shareSubexpressions(graph);
  removeDeadCode(graph);
}
