// Other domains' ops in ONNX's own: for engines that have no others.
import { AccelerateError } from "../../errors.js";
import { Builder } from "../builder.js";
import type { Lower } from "../copy-nodes.js";
import { dtypes } from "../dtype.js";
import type { FloatAttribute, Graph, Node, Value } from "../graph.js";

/** A constant matrix [m, n] as [n, m], under the same name. */
function turned(graph: Graph, matrix: Value): Value {
  const { dtype, shape, data } = matrix.constant!;
  const [rows, columns] = shape as [number, number];
  const out = new dtypes[dtype].array(data.length);
  // Tiles: both sides stay in the cache.
  const tile = 32;
  for (let r0 = 0; r0 < rows; r0 += tile) {
    for (let c0 = 0; c0 < columns; c0 += tile) {
      for (let r = r0; r < Math.min(r0 + tile, rows); r++)
        for (let c = c0; c < Math.min(c0 + tile, columns); c++) out[c * rows + r] = data[r * columns + c] as never;
    }
  }
  const value = graph.constant({ dtype, shape: [columns, rows], data: out });
  // Nothing reads the other one any more.
  value.name = matrix.name;
  return value;
}

/** The last two dims changed places. Weights that nothing else reads are stored so, which is what quantizers look for. */
function transposed(b: Builder, x: Value, readers: number): Value {
  if (x.rank < 2) return x;
  if (x.constant && x.rank === 2 && readers === 1) return turned(b.graph, x);
  const perm = x.shape.map((_, i) => i);
  return b.transpose(x, [...perm.slice(0, -2), x.rank - 1, x.rank - 2]);
}

type Rule = (b: Builder, node: Node, inputs: readonly Value[], readers: (i: number) => number) => Value;
const rules: Readonly<Record<string, Rule>> = {
  ":Identity": (_, __, [x]) => x!,
  "com.microsoft:FusedMatMul": (b, { attributes }, [x, y], readers) => {
    const left = attributes.transA === 1 ? transposed(b, x!, readers(0)) : x!;
    const right = attributes.transB === 1 ? transposed(b, y!, readers(1)) : y!;
    return b.mulScalar(b.matmul(left, right), (attributes.alpha as FloatAttribute | undefined)?.float ?? 1);
  },
};

/**
 * For `copyNodes`: com.microsoft's ops in ONNX's own, and no copies.
 *
 * @throws AccelerateError ERR_EXPORT_OP for an op that has no such form
 */
export function standardOnly(from: Graph, to: Graph): Lower {
  const uses = new Map<Value | undefined, number>();
  for (const node of from.nodes) for (const value of node.inputs) uses.set(value, (uses.get(value) ?? 0) + 1);
  return (node, inputs, scope) => {
    const rule = rules[`${node.domain}:${node.op}`];
    if (rule) return [rule(new Builder(to, { scope }), node, inputs as readonly Value[], (i) => uses.get(node.inputs[i]) ?? 0)];
    if (node.domain === "") return undefined;
    throw new AccelerateError("ERR_EXPORT_OP", `node ${node.name}: ${node.domain}.${node.op} is no op of ONNX, and has no form that is`);
  };
}
