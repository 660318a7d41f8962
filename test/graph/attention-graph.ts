// Attention nodes of test cases, run by their kernels or by their decomposition.
import { differentiate } from "../../src/autograd/index.js";
import { Builder, type DType, float, Graph, type TensorData, typedArray, type Value } from "../../src/graph/index.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import { evaluate } from "../support/evaluate.js";
import { type AttentionCase, type AttentionData, keyWords, type Place, scaleOf, site, tokens } from "./attention-cases.js";

const places = (rows: readonly Place[]): TensorData => ({
  dtype: "int64",
  shape: [rows.length, 2],
  data: BigInt64Array.from(rows.flat(), (n) => BigInt(n)),
});

export interface RunOptions {
  readonly dtype?: DType;
  /** Whether the ops are replaced by what they are made of. */
  readonly decomposed: boolean;
  /** Also the gradient of the bias. */
  readonly biasGradient?: boolean;
}

/** y, lse, dq, dk, dv (and dbias) of a case, as flat arrays. */
export async function runAttention(c: AttentionCase, data: AttentionData, options: RunOptions): Promise<Float64Array[]> {
  const { dtype = "float32" } = options;
  const graph = new Graph();
  const b = new Builder(graph);
  const feeds = new Map<Value, TensorData>();
  const feed = (name: string, value: TensorData): Value => {
    const input = graph.input(name, value.dtype, value.shape);
    feeds.set(input, value);
    return input;
  };
  const rows = (side: readonly Place[], packed: boolean) => (packed ? [side.length] : [c.batch, tokens(side)]);
  const numbers = (name: string, values: Float64Array, shape: readonly number[]) => feed(name, { dtype, shape, data: typedArray(dtype, values) });
  const [qRows, kRows] = [rows(c.queries, c.packed.q), rows(c.keys, c.packed.k)];
  const q = numbers("q", data.q, [...qRows, c.heads * c.size]);
  const k = numbers("k", data.k, [...kRows, c.heads * c.size]);
  const v = numbers("v", data.v, [...kRows, c.heads * c.valueSize]);
  const dy = numbers("dy", data.dy, [...qRows, c.heads * c.valueSize]);
  const shared = c.bias === "shared" && !c.packed.k;
  const bias =
    c.bias === "none" ? undefined : shared ? numbers("bias", data.bias.slice(0, tokens(c.keys)), [1, tokens(c.keys)]) : numbers("bias", data.bias, kRows);
  const key = c.ratio > 0 ? feed("key", { dtype: "int64", shape: [4], data: keyWords }) : undefined;
  const qPlaces = c.packed.q ? feed("q_places", places(c.queries)) : undefined;
  const kPlaces = c.packed.k ? feed("k_places", places(c.keys)) : undefined;
  const attributes = { heads: c.heads, scale: float(scaleOf(c)), causal: Number(c.causal), ratio: float(c.ratio), site };
  const [y, lse] = b.ops("Attention", [q, k, v, bias, key, qPlaces, kPlaces], attributes, { domain: "accelerate_ts", outputs: 2 });
  const loss = b.reduce("ReduceSum", b.mul(y!, dy), undefined);
  const wrt = [q, k, v, ...(options.biasGradient && bias ? [bias] : [])];
  const gradients = differentiate(graph, { loss, wrt });
  for (const value of [y!, lse!, ...wrt.map((x) => gradients.get(x)!)]) graph.output(value);
  if (options.decomposed) decompose(graph, (node) => node.op.startsWith("Attention"));
  const outputs = await evaluate(graph, feeds, graph.outputs);
  return outputs.map((t) => Float64Array.from(t.data as Float64Array));
}
