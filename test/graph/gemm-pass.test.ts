// Pass gemm: which products it takes, what it computes with them, and that values and gradients stay.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Builder } from "../../src/graph/builder.js";
import type { Dim } from "../../src/graph/dims.js";
import { Graph, type Node, type Value } from "../../src/graph/graph.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { type GemmShape, gemmPass } from "../../src/graph/passes/gemm.js";
import { removeDeadCode } from "../../src/graph/passes/dead-code.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import type { PassContext, Precision } from "../../src/graph/passes/pass.js";
import { Engine } from "../../src/runtime/index.js";

/** Everything goes to our kernel, or what the test says. */
function context(precision: Precision, ours: (shape: GemmShape) => boolean = () => true): PassContext {
  return { assume: () => false, look: () => undefined, precision, backward: false, gemm: { ours } };
}

/** A graph with x [rows, width], its weights, and what a test makes of them. */
function graphOf(
  make: (b: Builder, x: Value, w: (rows: number, columns: number) => Value, v: (size: number) => Value) => readonly Value[],
  rows: Dim = 128,
  hint = 128,
): Graph {
  const graph = new Graph();
  if (typeof rows === "string") graph.env.symbol(hint, rows);
  const b = new Builder(graph);
  const x = graph.input("x", "float32", [rows, 128]);
  const given = (shape: readonly number[]) => graph.input(`w${graph.inputs.length}`, "float32", shape);
  for (const value of make(
    b,
    x,
    (n, m) => given([n, m]),
    (n) => given([n]),
  ))
    graph.output(value);
  return graph;
}
const kinds = (graph: Graph): string[] => graph.nodes.map((node) => node.op);
const run = (graph: Graph, c: PassContext): number => {
  const changes = gemmPass.run(graph, c);
  removeDeadCode(graph);
  return changes;
};
const only = (graph: Graph): Node => {
  assert.equal(graph.nodes.length, 1, kinds(graph).join());
  return graph.nodes[0]!;
};

const engine = Engine.default();
async function values(graph: Graph): Promise<Float32Array[]> {
  await using session = await engine.createSession(toOnnx(graph));
  using binding = session.createBinding();
  for (const [i, { shape }] of graph.inputs.entries()) {
    const sizes = shape.map((d) => graph.env.hint(d)!);
    const data = Float32Array.from({ length: sizes.reduce((a, c) => a * c, 1) }, (_, k) => Math.sin(k * 0.7 + i) / 4);
    binding.bindInput(i, data, sizes);
  }
  for (const i of graph.outputs.keys()) binding.bindOutputDynamic(i);
  await binding.run();
  return graph.outputs.map((_, i) => binding.takeOutput(i).data as Float32Array);
}

suite("pass gemm", () => {
  test("takes what is added and activated behind a product into it, in the kernel's order", () => {
    const graph = graphOf((b, x, w, v) => [b.add(x, b.op("Gelu", [b.add(b.matmul(x, w(128, 128), { transposeB: true, alpha: 0.5 }), v(128))]))]);
    assert.equal(run(graph, context("no")), 1);
    const node = only(graph);
    assert.deepEqual([node.op, node.domain, node.inputs.length], ["Gemm", "accelerate_ts", 4]);
    assert.deepEqual(node.attributes, { transB: 1, alpha: { float: 0.5 }, activation: 2 });
  });

  test("a value that others read, or the graph gives out, stays", () => {
    const graph = graphOf((b, x, w, v) => {
      const y = b.add(b.matmul(x, w(128, 128)), v(128));
      return [y, b.op("Relu", [y])];
    });
    run(graph, context("no"));
    assert.deepEqual(kinds(graph), ["Gemm", "Relu"]);
  });

  test("the summands of a sum are added one to the other", () => {
    const graph = graphOf((b, x, w) => [b.op("Sum", [b.matmul(x, w(128, 128)), x, b.matmul(x, w(128, 128))])]);
    run(graph, context("no"));
    assert.deepEqual(kinds(graph), ["Gemm", "Gemm"]);
    assert.equal(graph.nodes[0]!.inputs[3]!.name, "x");
    assert.equal(graph.nodes[1]!.inputs[3], graph.nodes[0]!.outputs[0]);
  });

  test("what is not like the product is no residual, and a column no bias", () => {
    const graph = graphOf((b, x, w) => [b.add(b.matmul(x, w(128, 128)), w(128, 1)), b.add(b.matmul(x, w(128, 128)), w(1, 128))]);
    run(graph, context("no"));
    assert.deepEqual(kinds(graph).sort(), ["Add", "Gemm", "Gemm", "Reshape"]);
  });

  test("asks who multiplies, with the sizes of the graph; sizes that vary stand as 1024, whatever the run", () => {
    const asked: GemmShape[] = [];
    const note = (shape: GemmShape) => asked.push(shape) > 1;
    const make = (b: Builder, x: Value, w: (n: number, m: number) => Value, v: (n: number) => Value) => [
      b.add(b.matmul(x, w(128, 256)), v(256)),
      b.matmul(x, w(384, 128), { transposeB: true }),
    ];
    const graph = graphOf(make, "tokens", 301);
    assert.equal(run(graph, context("no", note)), 1);
    assert.deepEqual(asked, [
      { m: 1024, n: 256, k: 128, transposeA: false, transposeB: false, bias: true },
      { m: 1024, n: 384, k: 128, transposeA: false, transposeB: true, bias: false },
    ]);
    assert.deepEqual(kinds(graph), ["MatMul", "Add", "Gemm"]);
  });

  test("leaves small products, batches of matrices and other dtypes alone", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const input = (dtype: "float32" | "float64", ...shape: number[]) => graph.input(`i${graph.inputs.length}`, dtype, shape);
    graph.output(b.matmul(input("float32", 16, 16), input("float32", 16, 16)));
    graph.output(b.matmul(input("float32", 8, 128, 128), input("float32", 8, 128, 128)));
    graph.output(b.matmul(input("float64", 256, 256), input("float64", 256, 256)));
    assert.equal(run(graph, context("bf16")), 0);
    assert.deepEqual(kinds(graph), ["MatMul", "MatMul", "MatMul"]);
  });

  test("with bf16 rounds each value once, behind reshapes, and leaves heads of a few classes in float32", () => {
    const graph = graphOf((b, x, w) => {
      const rows = b.reshape(x, [8, 16, 128]);
      return [b.matmul(rows, w(128, 128)), b.matmul(x, w(128, 256)), b.matmul(x, x, { transposeA: true }), b.matmul(b.matmul(x, w(128, 4096)), w(4096, 4))];
    });
    run(
      graph,
      context("bf16", () => false),
    );
    assert.equal(graph.nodes.filter((node) => node.op === "ToBfloat16").length, 4, "x and three weights");
    assert.deepEqual(
      kinds(graph).filter((op) => op === "MatMul" || op === "Gemm"),
      ["Gemm", "Gemm", "Gemm", "Gemm", "MatMul"],
    );
    assert.equal(
      graph.outputs.every((value) => value.dtype === "float32"),
      true,
    );
  });

  test("computes what the graph computed before", async () => {
    const make = (): Graph =>
      graphOf(
        (b, x, w, v) => {
          const h = b.op("Gelu", [b.add(b.matmul(x, w(128, 256)), v(256))], { approximate: "tanh" });
          const y = b.op("Sum", [b.matmul(h, w(256, 128)), x, b.matmul(x, w(128, 128), { transposeB: true, alpha: -0.5 })]);
          return [y, b.matmul(h, y, { transposeA: true }), b.op("Relu", [b.matmul(x, w(128, 128))])];
        },
        "tokens",
        100,
      );
    const wanted = await values(make());
    for (const [precision, bound] of [
      ["no", 1e-5],
      ["bf16", 4e-2],
    ] as const) {
      const graph = make();
      assert.ok(run(graph, context(precision)) > 0);
      // Without oneDNN: the ops that stand for the kernel.
      decompose(graph, (node) => node.domain === "accelerate_ts");
      const found = await values(graph);
      for (const [i, tensor] of wanted.entries()) {
        const norm = (f: (k: number) => number) => Math.sqrt(tensor.reduce((sum, _, k) => sum + f(k) ** 2, 0));
        const error = norm((k) => found[i]![k]! - tensor[k]!) / norm((k) => tensor[k]!);
        assert.ok(error <= bound, `${precision}: output ${i} is off by ${error}`);
      }
    }
  });
});
