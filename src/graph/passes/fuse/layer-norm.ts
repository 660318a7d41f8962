// Bias, dropout and residual in front of a layer normalization become one op with it; a layer normalization by itself becomes that op, too, whose gradient is one pass over memory.
import type { ShapeEnv } from "../../dims.js";
import type { Attributes, Graph, Node, Value } from "../../graph.js";
import type { Uses } from "../uses.js";
import { biasedSum, customDomain, isLastAxis, isVectorOver, made, replaceMatches, sameShape, type Site } from "./match.js";

/** What comes together in the sum that is normalized. */
interface Branches {
  readonly x: Value;
  readonly bias?: Value | undefined;
  readonly residual?: Value | undefined;
  /** The dropout's node. */
  readonly dropout?: Node | undefined;
}

function isRowNorm(env: ShapeEnv, node: Node): boolean {
  if (node.op !== "LayerNormalization" || node.domain !== "") return false;
  const [x, scale, shift] = node.inputs as [Value, Value, Value | undefined];
  if (x.dtype !== "float32" || !isLastAxis(node.attributes.axis, -1, x.rank) || (node.attributes.stash_type ?? 1) !== 1) return false;
  return isVectorOver(env, scale, x) && (!shift || isVectorOver(env, shift, x));
}

/** A value as dropout(x + bias), as far as nothing else reads what lies between. */
function branchOf(env: ShapeEnv, value: Value, uses: Uses): Branches {
  const producer = value.producer;
  const sole = uses.sole(value) !== undefined;
  const dropout = sole && producer?.op === "Dropout" && producer.domain === customDomain ? producer : undefined;
  const inner = dropout ? dropout.inputs[0]! : value;
  const sum = uses.sole(inner) ? biasedSum(env, inner.producer) : undefined;
  return { x: sum?.x ?? inner, bias: sum?.bias, dropout };
}

/** An Add whose sum is normalized, as branches. */
function branchesOf(env: ShapeEnv, add: Node, uses: Uses): Branches | undefined {
  const biased = biasedSum(env, add);
  if (biased) return biased;
  const [a, b] = add.inputs as [Value, Value];
  const out = add.outputs[0]!;
  if (a === b || !sameShape(env, a.shape, out.shape) || !sameShape(env, b.shape, out.shape)) return undefined;
  const [left, right] = [branchOf(env, a, uses), branchOf(env, b, uses)];
  const gain = ({ dropout, bias }: Branches): number => (dropout ? 2 : 0) + (bias ? 1 : 0);
  return gain(right) > gain(left) ? { ...right, residual: a } : { ...left, residual: b };
}

/** The normalization that reads each sum; of several the first. */
function normalizedSums(graph: Graph): Map<Node, Node> {
  const found = new Map<Node, Node>();
  for (const norm of graph.nodes) {
    const add = isRowNorm(graph.env, norm) ? made(norm.inputs[0], "Add") : undefined;
    if (add && !found.has(add)) found.set(add, norm);
  }
  return found;
}

/** The op over branches; undefined where one of its inputs is not made yet. */
function emit(norm: Node, branches: Branches, { b, current }: Site): Value[] | undefined {
  const { x, bias, residual, dropout } = branches;
  const inputs = [x, bias, residual, norm.inputs[1], norm.inputs[2], dropout?.inputs[1], dropout?.inputs[2]];
  const values = inputs.map((v) => v && current(v));
  if (values.some((v, i) => inputs[i] && !v)) return undefined;
  const attributes: Record<string, Attributes[string]> = {};
  const { epsilon } = norm.attributes;
  if (epsilon !== undefined) attributes.epsilon = epsilon;
  for (const name of ["ratio", "site"]) if (dropout?.attributes[name] !== undefined) attributes[name] = dropout.attributes[name];
  return b.ops("DropoutAddLayerNorm", values, attributes, { domain: customDomain, outputs: 4 });
}

/** Returns how many normalizations were replaced. */
export function fuseLayerNorm(graph: Graph): number {
  const sums = normalizedSums(graph);
  const fused = new Map<Node, readonly Value[]>();
  const { env } = graph;
  let normalizations = 0;
  replaceMatches(graph, (node, site, uses) => {
    const norm = sums.get(node);
    if (norm) {
      // The op stands where the sum was, so that all readers of the sum can read its own.
      const branches = branchesOf(env, node, uses);
      const outputs = branches && emit(norm, branches, site);
      if (!outputs) return undefined;
      fused.set(norm, outputs);
      return [outputs[1]!];
    }
    if (!isRowNorm(env, node)) return undefined;
    const outputs = fused.get(node) ?? emit(node, { x: node.inputs[0]! }, site);
    if (!outputs) return undefined;
    normalizations++;
    const [y, , mean, inverse] = outputs;
    return [y!, mean!, inverse!].slice(0, node.outputs.length);
  });
  return normalizations;
}
