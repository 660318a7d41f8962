// What goes into one launch on a GPU with the library's kernels: the nodes that are left, and that they mean what those before meant.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Builder } from "../../src/graph/builder.js";
import { Graph } from "../../src/graph/graph.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import { widen } from "../../src/graph/passes/lower/narrow.js";
import { mergeLaunches } from "../../src/graph/passes/merge-launches/index.js";
import { setSeed, type Tensor } from "../../src/tensor/index.js";
import { assertNear, bertLoss, type Lowered, losses, lowered, numbersOf } from "./lowered.js";

const single = ["Dropout", "DropoutAddLayerNorm", "DropoutAddLayerNormGrad", "BiasGelu", "BiasGeluGrad", "Attention", "AttentionGrad", "EmbeddingGrad"];
const typed = (ops: readonly string[]): string[] => ops.flatMap((op) => [op, `${op}:float16`, `${op}:bfloat16`]);
const mixed = ["LayerNormGradOfSum", "LayerNormOfNarrow", "CastsToFloat16", "CastsToBfloat16", "CastsToFloat32"];
const merged = new Set([...typed(["BiasAttention", "BiasAttentionGrad"]), ...mixed]);
const counts = ({ graph }: Lowered): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { op } of graph.nodes) found[op] = (found[op] ?? 0) + 1;
  return found;
};

/** The same loss for a GPU whose kernels do one thing, and for one whose kernels do several; in float32 throughout, so that the processor can compute both. */
function pair(
  loss: () => Tensor,
  precision: "no" | "bf16" | "fp16",
): { readonly apart: Lowered; readonly together: Lowered; readonly nodes: Record<string, number> } {
  const made = [typed(single), [...typed(single), ...merged]].map((kernels) => {
    setSeed(5);
    return lowered(loss(), { precision, target: { type: "cuda", kernels: new Set(kernels), half: true } });
  }) as [Lowered, Lowered];
  const nodes = counts(made[1]);
  decompose(made[1].graph, ({ op }) => merged.has(op));
  for (const { graph } of made) widen(graph, () => true);
  return { apart: made[0], together: made[1], nodes };
}

describe("launches that are merged", () => {
  const cases = [
    ["BERT", bertLoss, "no"],
    ["BERT", bertLoss, "bf16"],
    ["GPT-2", losses["GPT-2"]!, "fp16"],
  ] as const;
  for (const [name, loss, precision] of cases) {
    test(`${name}, ${precision}: the loss and all gradients stay what they were`, async () => {
      const { apart, together } = pair(loss as () => Tensor, precision);
      const names = apart.graph.outputs.map((value) => value.name);
      assert.deepEqual(
        together.graph.outputs.map((value) => value.name),
        names,
      );
      const [found, expected] = [await numbersOf(together, together.plan), await numbersOf(apart, apart.plan)];
      if (precision === "no") return assertNear(found, expected, names, 1e-5, 1e-7);
      assertNear(found, expected, names, 2e-2, 1e-4);
    });
  }

  test("no bias, no sum of gradients and no cast of the encoder is left", () => {
    const { nodes } = pair(bertLoss, "no");
    const { BiasAttention, BiasAttentionGrad, LayerNormGradOfSum } = nodes;
    // Of five normalizations the last has one reader, and the first a dropout that its readers' gradients are summed in front of.
    assert.deepEqual({ BiasAttention, BiasAttentionGrad, LayerNormGradOfSum }, { BiasAttention: 2, BiasAttentionGrad: 2, LayerNormGradOfSum: 3 });
    assert.equal(nodes.Sum, 1);
    const narrow = pair(bertLoss, "bf16").nodes;
    assert.deepEqual([narrow.CastsToBfloat16, narrow.CastsToFloat32], [1, 1]);
    assert.ok(narrow.Cast! <= 16, `${narrow.Cast} casts`);
  });
});

describe("what else reads a value", () => {
  const kernels = new Set([...typed(single), ...merged]);
  const target = { type: "cuda", kernels, half: true } as const;
  const rows = [2, 3, 8];

  test("a sum with a bias that somebody else reads stays", () => {
    for (const shared of [false, true]) {
      const graph = new Graph();
      const b = new Builder(graph);
      const [x, k, v] = ["x", "k", "v"].map((name) => graph.input(name, "float32", rows)) as [never, never, never];
      const q = b.add(x, graph.input("bias", "float32", [8]));
      graph.output(b.op("Attention", [q, k, v], { heads: 2 }, { domain: "accelerate_ts" }));
      if (shared) graph.output(b.unary("Neg", q));
      mergeLaunches(graph, target);
      assert.deepEqual(
        graph.nodes.map(({ op }) => op),
        shared ? ["Add", "Attention", "Neg"] : ["BiasAttention"],
      );
    }
  });

  test("sums over some of the rows stay, and biases of another shape", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const [dy, x, k, v] = ["dy", "x", "k", "v"].map((name) => graph.input(name, "float32", rows)) as [never, never, never, never];
    const q = b.add(x, graph.input("bias", "float32", [3, 8]));
    const [dq, dk] = b.ops("AttentionGrad", [dy, q, k, v], { heads: 2 }, { domain: "accelerate_ts", outputs: 3 });
    graph.output(b.reduce("ReduceSum", dq!, [0]));
    graph.output(b.reduce("ReduceSum", dk!, [0, 1], true));
    assert.equal(mergeLaunches(graph, target), 0);
  });

  test("what is cast together is no more than some millions of numbers", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const weights = Array.from({ length: 5 }, (_, i) => graph.input(`weight${i}`, "float32", [3000, 2000]));
    for (const weight of weights) graph.output(b.unary("Neg", b.cast(weight, "bfloat16")));
    mergeLaunches(graph, target);
    assert.deepEqual(
      graph.nodes.flatMap(({ op, inputs }) => (op.startsWith("Cast") ? [`${op} ${inputs.length}`] : [])),
      ["CastsToBfloat16 2", "CastsToBfloat16 2", "Cast 1"],
    );
  });

  test("terms of another shape are not added by the normalization", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const x = graph.input("x", "float32", rows);
    const [mean, inverse, scale] = [
      graph.input("mean", "float32", [2, 3, 1]),
      graph.input("inverse", "float32", [2, 3, 1]),
      graph.input("scale", "float32", [8]),
    ];
    const dy = b.add(graph.input("a", "float32", rows), graph.input("b", "float32", [8]));
    graph.output(b.op("DropoutAddLayerNormGrad", [dy, undefined, x, mean, inverse, scale], {}, { domain: "accelerate_ts", outputs: 5 }));
    assert.equal(mergeLaunches(graph, target), 0);
  });
});
