// Ops that a device has, but not for numbers of a type: they are computed in another type that holds the same numbers, with casts around.
import { Builder } from "../../builder.js";
import { type DType, dtypes } from "../../dtype.js";
import type { Graph, Node, Value } from "../../graph.js";
import { rewrite } from "../rewrite.js";

/** Of a type the ops that take a way through another one. */
export interface Detour {
  readonly from: DType;
  readonly via: DType;
  /** By name, of ONNX's own ops. */
  readonly ops: ReadonlySet<string>;
}

/** Inputs that hold axes, shapes and places rather than numbers that are worked on, by position. */
const data: { readonly [op: string]: readonly number[] } = {
  Slice: [0],
  Split: [0],
  Squeeze: [0],
  Tile: [0],
  Trilu: [0],
  Pad: [0, 2],
  Gather: [0],
  GatherElements: [0],
  GatherND: [0],
  ScatterElements: [0, 2],
  ScatterND: [0, 2],
  TopK: [0],
  CumSum: [0],
};

const isData = (node: Node, i: number): boolean => data[node.op]?.includes(i) ?? (!node.op.startsWith("Reduce") || i === 0);

/** Which detour a node takes: by the type of what it works on. Sizes are the host's and take none. */
function detourOf(detours: readonly Detour[], node: Node): Detour | undefined {
  if (node.domain !== "" || node.outputs[0]!.content) return undefined;
  const from = node.inputs[0]?.dtype;
  return detours.find((detour) => detour.from === from && detour.ops.has(node.op));
}

/** Sends nodes around; returns how many. */
export function takeDetours(graph: Graph, detours: readonly Detour[]): number {
  let changes = 0;
  const cast = new Map<Value, Map<DType, Value>>();
  rewrite(graph, (node, inputs, scoped) => {
    const detour = detourOf(detours, node);
    if (!detour) return undefined;
    changes++;
    const b = new Builder(graph, { scope: scoped.scope });
    const to = (x: Value, dtype: DType): Value => {
      const known = cast.get(x)?.get(dtype);
      if (known) return known;
      const made = b.op("Cast", [x], { to: dtypes[dtype].onnx });
      cast.set(x, new Map([...(cast.get(x) ?? []), [dtype, made]]));
      return made;
    };
    const given = inputs.map((x, i) => (x?.dtype === detour.from && isData(node, i) ? to(x, detour.via) : x));
    const made = b.ops(node.op, given, node.attributes, { outputs: node.outputs.length });
    return made.map((y, i) => (y.dtype === node.outputs[i]!.dtype ? y : b.op("Cast", [y], { to: dtypes[node.outputs[i]!.dtype].onnx })));
  });
  return changes;
}
