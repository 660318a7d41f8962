// Attention as one op beside the same in ONNX's ops, forward and backward with dropout, in processor time of one process:
//   npx tsc -p . && node dist/bench/attention.js
import { differentiate } from "../src/autograd/index.js";
import { Builder, float, Graph, type TensorData, toOnnx, type Value } from "../src/graph/index.js";
import { attentionPass } from "../src/graph/passes/attention.js";
import { shareSubexpressions } from "../src/graph/passes/common-subexpressions.js";
import { Engine } from "../src/runtime/index.js";

interface Size {
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  readonly size: number;
  /** Tokens that are no padding. */
  readonly real: number;
}

/** The best of some runs, in milliseconds of processor time. */
async function time({ batch, tokens, heads, size, real }: Size, fused: boolean): Promise<number> {
  const graph = new Graph();
  const b = new Builder(graph);
  const width = heads * size;
  const [q, k, v, dy] = ["q", "k", "v", "dy"].map((name) => graph.input(name, "float32", [batch, tokens, width])) as [Value, Value, Value, Value];
  const mask = graph.input("mask", "float32", [batch, tokens]);
  const key = graph.input("key", "int64", [4]);
  const split = (x: Value) => b.transpose(b.op("Reshape", [x, b.int64([0, 0, heads, size])]), [0, 2, 1, 3]);
  const bias = b.unsqueeze(b.mulScalar(b.addScalar(b.mulScalar(mask, -1), 1), -3.4028234663852886e38), [1, 2]);
  const scores = b.matmul(split(q), split(k), { transposeB: true, alpha: 1 / Math.sqrt(size) });
  const weights = b.op("Softmax", [b.add(scores, bias)], { axis: -1 });
  const dropped = b.op("Dropout", [weights, key], { ratio: float(0.1), site: 1 }, { domain: "accelerate_ts" });
  const y = b.op("Reshape", [b.transpose(b.matmul(dropped, split(v)), [0, 2, 1, 3]), b.int64([0, 0, width])]);
  graph.output(b.reduce("ReduceSum", b.mul(y, dy), undefined));
  if (fused) attentionPass.run(graph, { assume: () => true, look: () => undefined, precision: "no", backward: true });
  const gradients = differentiate(graph, { loss: graph.outputs[0]!, wrt: [q, k, v] });
  for (const x of [q, k, v]) graph.output(gradients.get(x)!);
  shareSubexpressions(graph);
  const data: readonly TensorData[] = graph.inputs.map((input) => {
    const shape = input.shape as number[];
    const n = shape.reduce((product, d) => product * d, 1);
    if (input === key) return { dtype: "int64", shape, data: BigInt64Array.of(1n, 0n, 2n, 0n) };
    return { dtype: "float32", shape, data: Float32Array.from({ length: n }, (_, i) => (input === mask ? Number(i % tokens < real) : Math.sin(i * 1.7))) };
  });
  await using session = await Engine.default().createSession(toOnnx(graph));
  const binding = session.createBinding();
  for (const i of graph.outputs.keys()) binding.bindOutputDynamic(i);
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 12; run++) {
    for (const [i, { data: numbers, shape }] of data.entries()) binding.bindInput(i, numbers, shape);
    const start = process.cpuUsage();
    await binding.run();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1e3);
    for (const i of graph.outputs.keys()) binding.takeOutput(i);
  }
  binding.close();
  return best;
}

const sizes: readonly Size[] = [
  { batch: 16, tokens: 53, heads: 12, size: 32, real: 53 },
  { batch: 64, tokens: 128, heads: 4, size: 64, real: 53 },
  { batch: 64, tokens: 128, heads: 4, size: 64, real: 128 },
  { batch: 8, tokens: 512, heads: 12, size: 64, real: 512 },
];
for (const size of sizes) {
  const [apart, fused] = [await time(size, false), await time(size, true)];
  const { batch, tokens, heads, size: d, real } = size;
  console.log(
    `[${batch}, ${tokens}, ${heads} x ${d}], ${real} real tokens: ops ${apart.toFixed(1)} ms, one op ${fused.toFixed(1)} ms, ratio ${(apart / fused).toFixed(1)}`,
  );
}
