// Matrix products by ONNX Runtime's own kernels, by oneDNN in float32, and in bfloat16 with the rounding of both operands: GFLOP/s, best of the rounds, in turns.
//   node dist/bench/gemm.js [--threads 1] [--rounds 20] [--shapes 848x384x1536,848x1536x384]   rows x inner x columns
import { parseArgs } from "node:util";
import { Builder } from "../src/graph/builder.js";
import { Graph, type Value } from "../src/graph/graph.js";
import { toOnnx } from "../src/graph/onnx/write.js";
import { addGemm } from "../src/graph/ops/gemm.js";
import { gemmEngine } from "../src/runtime/gemm-engine.js";
import { Engine } from "../src/runtime/index.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "20" },
    shapes: { type: "string", default: "848x384x384,848x384x1536,848x1536x384,2048x1024x1024,8192x256x512" },
  },
});
const engine = Engine.open({ threads: Number(args.threads) });
const other = gemmEngine();
if (!other) throw new Error("oneDNN's addon is not built: apt-get install libdnnl-dev, then: npx accelerate-ts build-native");

const kinds = ["MLAS", "float32", "bfloat16"] as const;
const orders = { NN: [false, false], NT: [false, true], TN: [true, false] } as const;

function model(kind: (typeof kinds)[number], [m, k, n]: readonly number[], [transposeA, transposeB]: readonly [boolean, boolean]): Graph {
  const graph = new Graph();
  const b = new Builder(graph);
  const left = graph.input("a", "float32", transposeA ? [k!, m!] : [m!, k!]);
  const right = graph.input("b", "float32", transposeB ? [n!, k!] : [k!, n!]);
  const of = (x: Value) => (kind === "bfloat16" ? b.op("ToBfloat16", [x], {}, { domain: "accelerate_ts" }) : x);
  graph.output(kind === "MLAS" ? b.matmul(left, right, { transposeA, transposeB }) : addGemm(b, of(left), of(right), { transposeA, transposeB }), "y");
  return graph;
}

console.log(JSON.stringify({ ...machine(), threads: engine.threads, other }));
const rows: Record<string, string | number>[] = [];
for (const text of args.shapes.split(",")) {
  const shape = text.split("x").map(Number);
  const [m, k, n] = shape as [number, number, number];
  const [a, b] = [m * k, k * n].map((count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i)));
  const y = new Float32Array(m * n);
  for (const [order, flags] of Object.entries(orders)) {
    const best = kinds.map(() => Number.POSITIVE_INFINITY);
    const bindings = [];
    for (const kind of kinds) {
      const graph = model(kind, shape, flags);
      const binding = (await engine.createSession(toOnnx(graph))).createBinding();
      binding.bindInput(0, a!, graph.inputs[0]!.shape as number[]);
      binding.bindInput(1, b!, graph.inputs[1]!.shape as number[]);
      binding.bindOutput(0, y, [m, n]);
      bindings.push(binding);
    }
    for (let round = 0; round < Number(args.rounds); round++) {
      for (const [i, binding] of bindings.entries()) {
        const began = performance.now();
        await binding.run();
        best[i] = Math.min(best[i]!, performance.now() - began);
      }
    }
    const rates = Object.fromEntries(kinds.map((kind, i) => [kind, Math.round((2 * m * k * n) / best[i]! / 1e6)]));
    rows.push({ shape: text, order, ...rates, "float32 / MLAS": (best[0]! / best[1]!).toFixed(2) });
  }
}
console.table(rows);
await engine.close();
