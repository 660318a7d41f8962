// How fast the engine multiplies matrices, at best: what a step is measured against.
import { Builder } from "../graph/builder.js";
import { Graph } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { Precision } from "../graph/passes/pass.js";
import type { Engine } from "../runtime/engine.js";
import { otherEngineRate } from "../runtime/gemm-choices.js";
import type { GemmPeak } from "./report.js";

/** Sides of the products: big enough for all caches to matter, small enough for a tenth of a second. */
const rows = 1024;
const inner = 768;
const columns = 1536;
const repeats = 5;

/**
 * The best rate of a product [1024, 768] x [768, 1536] in float32 by ONNX Runtime, over five repeats: about a tenth of a second. With "bf16" that of a product in bfloat16 by oneDNN.
 *
 * @example
 * console.log((await measureGemmPeak(Engine.default())).gflops);
 */
export async function measureGemmPeak(engine: Engine, precision: Precision = "no"): Promise<GemmPeak> {
  const rate = precision === "bf16" ? otherEngineRate(engine, precision) : undefined;
  if (rate) return { ...rate, threads: engine.threads };
  const graph = new Graph();
  const a = graph.input("a", "float32", [rows, inner]);
  const b = graph.input("b", "float32", [inner, columns]);
  graph.output(new Builder(graph).matmul(a, b), "c");
  await using session = await engine.createSession(toOnnx(graph), { name: "gemm peak" });
  using binding = session.createBinding();
  binding.bindInput(0, new Float32Array(rows * inner).fill(0.5), [rows, inner]);
  binding.bindInput(1, new Float32Array(inner * columns).fill(0.25), [inner, columns]);
  binding.bindOutput(0, new Float32Array(rows * columns), [rows, columns]);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= repeats; i++) {
    const began = performance.now();
    await binding.run();
    if (i > 0) best = Math.min(best, performance.now() - began);
  }
  return { gflops: (2 * rows * inner * columns) / best / 1e6, threads: engine.threads, engine: `ONNX Runtime ${engine.version}` };
}
