// Pass `fold`: what only constants decide is computed now, and nodes that give back what they take go.
import { sizeOf, type TensorData } from "../dtype.js";
import type { Graph, Node, Value } from "../graph.js";
import { removeDeadCode } from "./dead-code.js";
import { arithmetic, type Evaluate } from "./fold/arithmetic.js";
import { foldable, stored } from "./fold/elements.js";
import { passedOn } from "./fold/identities.js";
import { layout } from "./fold/layout.js";
import type { GraphPass } from "./pass.js";
import { rewrite } from "./rewrite.js";

/** Greater constants are left to the engine: they would make the file large, and take time here. */
const maxElements = 4096;

const evaluators: Readonly<Record<string, Evaluate>> = { ...arithmetic, ...layout };

/** The numbers of a value: a constant's, or the sizes that are known of a short vector. */
function numbersOf(graph: Graph, value: Value | undefined): TensorData | undefined {
  if (value?.constant) return value.constant;
  const content = value?.content?.map((d) => graph.env.resolve(d));
  if (!value || !content?.every((d) => typeof d === "number") || !["int64", "int32", "bool"].includes(value.dtype)) return undefined;
  return stored({ dtype: value.dtype, shape: value.rank === 0 ? [] : [content.length], data: content });
}

const small = (data: TensorData | undefined): boolean => data !== undefined && data.data.length <= maxElements && foldable(data.dtype);

/** The output of a node that only constants decide. */
export function evaluated(graph: Graph, node: Node, inputs: readonly (Value | undefined)[]): TensorData | undefined {
  if (node.outputs.length !== 1 || node.domain !== "") return undefined;
  const out = node.outputs[0]!;
  const known = numbersOf(graph, out);
  if (known) return known;
  const shape = graph.env.resolveShape(out.shape);
  const evaluate = evaluators[node.op];
  if (!evaluate || node.attributes._detach === 1 || !foldable(out.dtype) || !shape.every((d) => typeof d === "number")) return undefined;
  if (sizeOf(shape as number[]) > maxElements || inputs.includes(undefined)) return undefined;
  const data = inputs.map((v) => numbersOf(graph, v));
  if (!data.every(small)) return undefined;
  const found = evaluate(data as readonly TensorData[], node);
  const fits = found && found.dtype === out.dtype && found.shape.length === shape.length && found.shape.every((d, i) => d === shape[i]);
  return fits ? stored(found) : undefined;
}

/** Folds a graph; returns how many nodes went. */
export function fold(graph: Graph): number {
  let folded = 0;
  const outputs = new Set(graph.outputs);
  rewrite(graph, (node, inputs, b) => {
    // An output that is an input or a constant needs a node that makes it.
    if (node.op === "Identity" && outputs.has(node.outputs[0]!) && !inputs[0]?.producer) return undefined;
    const same = passedOn(graph, node, inputs);
    const data = same ? undefined : evaluated(graph, node, inputs);
    if (!same && !data) return undefined;
    folded++;
    return [same ?? b.constant(data!)];
  });
  if (folded > 0) removeDeadCode(graph);
  return folded;
}

export const foldPass: GraphPass = { name: "fold", stage: "forward", says: "what only constants decide is computed once, identities go", run: fold };
