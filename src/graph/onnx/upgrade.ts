// Nodes of older opsets in the form of opset 21.
import { Builder } from "../builder.js";
import { typedArray } from "../dtype.js";
import type { Attributes, Graph, Value } from "../graph.js";

/** Opsets that can be read: from 13 on few ops changed, and what did is below. */
export const opsets = { oldest: 13, newest: 24 } as const;

export interface NodeForm {
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  /** Another number of outputs than the node has had. */
  readonly outputs?: number;
}
interface Upgrade {
  /** Opset from which on the node has today's form. */
  readonly until: number;
  readonly apply: (node: NodeForm, outputs: number, graph: Graph) => NodeForm;
}

/** Attribute axes becomes the second input. */
const axesToInput: Upgrade = {
  until: 18,
  apply: (node, _outputs, graph) => {
    const { axes, ...attributes } = node.attributes;
    if (!Array.isArray(axes) || node.inputs.length > 1) return node;
    const numbers = axes as readonly number[];
    return { inputs: [node.inputs[0], graph.constant({ dtype: "int64", shape: [numbers.length], data: typedArray("int64", numbers) }, "axes")], attributes };
  },
};

/** A vector with one element per group as one with one element per channel. */
function perChannel(graph: Graph, perGroup: Value | undefined, channels: unknown): Value | undefined {
  const groups = perGroup?.shape[0];
  if (!perGroup || typeof groups !== "number" || typeof channels !== "number") return perGroup;
  const b = new Builder(graph);
  return b.reshape(b.expand(b.unsqueeze(perGroup, [1]), [groups, channels / groups]), [channels]);
}

const upgrades: Readonly<Record<string, Upgrade>> = {
  ...Object.fromEntries(["Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"].map((name) => [`Reduce${name}`, axesToInput])),
  // Training was meant where more than one output was asked for, and there were two more of them.
  BatchNormalization: {
    until: 14,
    apply: (node, outputs) => (outputs === 1 ? node : { inputs: node.inputs, attributes: { ...node.attributes, training_mode: 1 }, outputs: 3 }),
  },
  GroupNormalization: {
    until: 21,
    apply: ({ inputs: [x, scale, bias], attributes }, _outputs, graph) => {
      const channels = x?.shape[1];
      return { inputs: [x, perChannel(graph, scale, channels), perChannel(graph, bias, channels)], attributes };
    },
  },
  GridSample: {
    until: 20,
    apply: (node) => {
      const { mode, ...attributes } = node.attributes;
      const renamed = mode === "bilinear" ? "linear" : mode === "bicubic" ? "cubic" : mode;
      return { inputs: node.inputs, attributes: renamed === undefined ? attributes : { ...attributes, mode: renamed } };
    },
  },
  // Equal parts were implied by the number of outputs.
  Split: {
    until: 18,
    apply: (node, outputs) => (node.inputs[1] ? node : { inputs: node.inputs, attributes: { ...node.attributes, num_outputs: outputs } }),
  },
};

/** A node of ONNX's own domain as opset 21 has it. */
export function upgrade(op: string, opset: number, node: NodeForm, outputs: number, graph: Graph): NodeForm {
  const found = Object.hasOwn(upgrades, op) ? upgrades[op] : undefined;
  return found && opset < found.until ? found.apply(node, outputs, graph) : node;
}
