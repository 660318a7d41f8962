// Nodes that give back what they take.
import type { Shape } from "../../dims.js";
import type { Graph, Node, Value } from "../../graph.js";

const sameShape = (graph: Graph, a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => graph.env.resolve(d) === graph.env.resolve(b[i]!));

/** Whether all elements of a small constant are one number; a -0 is no 0. */
function holds(value: Value | undefined, number: number): boolean {
  const data = value?.constant;
  if (!data || data.data.length > 64 || data.dtype === "float16" || data.dtype === "bfloat16") return false;
  return Array.from(data.data as ArrayLike<number | bigint>, Number).every((v) => Object.is(v, number));
}

type Rule = (node: Node, inputs: readonly (Value | undefined)[], graph: Graph) => Value | undefined;

/** The operand that is left of an op with a neutral one, where that does not broadcast it. */
const neutral =
  (number: number, commutes: boolean): Rule =>
  (node, [a, b], graph) => {
    const shape = node.outputs[0]!.shape;
    if (a && holds(b, number) && sameShape(graph, a.shape, shape)) return a;
    return commutes && b && holds(a, number) && sameShape(graph, b.shape, shape) ? b : undefined;
  };

/** A Reshape, Expand or Transpose to what is there already. */
const still: Rule = (node, [x], graph) => (x && sameShape(graph, x.shape, node.outputs[0]!.shape) ? x : undefined);

/** x + 0 is 0 where x is -0: that sign alone may change. */
const rules: Readonly<Record<string, Rule>> = {
  ":Add": (node, inputs, graph) => neutral(0, true)(node, inputs, graph) ?? neutral(-0, true)(node, inputs, graph),
  ":Sub": neutral(0, false),
  ":Mul": neutral(1, true),
  ":Div": neutral(1, false),
  ":Reshape": still,
  ":Expand": still,
  // One that says something (of gradients, of what is kept) stays.
  ":Identity": (node, [x]) => (Object.keys(node.attributes).length > 0 ? undefined : x),
  ":Cast": (node, [x]) => (x?.dtype === node.outputs[0]!.dtype ? x : undefined),
  ":Transpose": (node, [x]) => ((node.attributes.perm as readonly number[] | undefined)?.every((p, i) => p === i) ? x : undefined),
  ":Neg": (_, [x]) => (x?.producer?.op === "Neg" && x.producer.domain === "" ? x.producer.inputs[0] : undefined),
  ":Concat": (_, inputs) => (inputs.length === 1 ? inputs[0] : undefined),
  ":Sum": (_, inputs) => (inputs.length === 1 ? inputs[0] : undefined),
  "accelerate_ts:Dropout": (node, [x]) => {
    const { ratio } = node.attributes;
    return typeof ratio === "object" && "float" in ratio && ratio.float === 0 ? x : undefined;
  },
};

/** The value that a node merely passes on, of its dtype and shape. */
export function passedOn(graph: Graph, node: Node, inputs: readonly (Value | undefined)[]): Value | undefined {
  const value = rules[`${node.domain}:${node.op}`]?.(node, inputs, graph);
  return value && value.dtype === node.outputs[0]!.dtype ? value : undefined;
}
