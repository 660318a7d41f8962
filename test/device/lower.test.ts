// Graphs lowered for devices: the loss and all gradients are what the processor's own program computes, and nothing is left that the device lacks.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { dtypes, type Value } from "../../src/graph/index.js";
import { liveRun } from "../../src/graph/live-ranges.js";
import { cudaForms } from "../../src/graph/passes/lower/cuda.js";
import { webgpuForms } from "../../src/graph/passes/lower/webgpu.js";
import type { PassReport } from "../../src/graph/passes/pipeline.js";
import { GPT2LMHeadModel } from "../../src/models/index.js";
import { dropoutMask } from "../../src/runtime/philox.js";
import { Engine } from "../../src/runtime/index.js";
import { HostMasks } from "../../src/tensor/host-masks.js";
import { setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import { assertNear, bare, bertLoss, losses, lowered, type Lowered, numbersOf, opsOf } from "./lowered.js";

/** Lacking for some inputs only. */
const inPart = new Set([":Where", ":Concat", ":Split"]);
const forms = { webgpu: webgpuForms, cuda: cudaForms } as const;

suite("a graph that is lowered for a device without kernels of the library", () => {
  for (const [name, lossOf] of Object.entries(losses)) {
    test(`has the loss and the gradients of the processor's program: ${name}`, async () => {
      const loss = await lossOf();
      const own = lowered(loss);
      const expected = await numbersOf(own, own.plan);
      const names = own.graph.outputs.map((value) => value.name);
      for (const type of ["webgpu", "cuda"] as const) {
        const built = lowered(loss, { target: bare(type) });
        const ops = opsOf(built.graph);
        assert.deepEqual(
          ops.filter((op) => op.startsWith("accelerate_ts:")),
          [],
        );
        const rewritten = ops.filter((op) => op in forms[type] && !inPart.has(op));
        assert.deepEqual(rewritten, [], "ops that the device lacks");
        // Sizes are the host's.
        assert.deepEqual(
          ops.filter((op) => op === ":Shape" || op === ":Size"),
          [],
        );
        assertNear(await numbersOf(built, built.plan), expected, names);
      }
    });
  }

  test("serves other sizes, with masks and sizes of the run", async () => {
    const built = lowered(bertLoss([7, 5, 3]), { target: bare("webgpu") });
    for (const lengths of [[6, 4], [2, 5, 8, 1], [1]]) {
      const other = lowered(bertLoss(lengths));
      assertNear(
        await numbersOf(built, other.plan),
        await numbersOf(other, other.plan),
        other.graph.outputs.map((value) => value.name),
      );
    }
  });
});

test("masks from the host are the bits that the processor draws; forward and backward share one", async () => {
  const { masks, plan, graph, symbols } = lowered(bertLoss([4, 6]), { target: bare("cuda") });
  const sites = new Set(masks.map(({ key, site }) => `${key} ${site}`));
  assert.equal(sites.size, masks.length);
  const made = await HostMasks.compile(Engine.default(), masks, graph.env, symbols);
  const drawn = await made.of(plan);
  for (const [i, { key, ratio, site }] of masks.entries()) {
    const { state } = plan.feeds[key]!;
    assert.ok(state.kind === "concrete");
    const [seed, rank, microStep, callOrdinal] = state.data as BigInt64Array;
    const kept = dropoutMask({ seed: seed!, rank: Number(rank), microStep: microStep!, callOrdinal: Number(callOrdinal) }, site, ratio, drawn[i]!.shape);
    const factor = Math.fround(1 / (1 - Math.fround(ratio)));
    assert.deepEqual(
      drawn[i]!.data,
      Float32Array.from(kept, (bit) => bit * factor),
    );
  }
  const before = drawn.map(({ data }) => data);
  const again = await made.of(plan);
  assert.ok(
    again.every(({ data }, i) => data === before[i]),
    "memory is used again where sizes stay",
  );
  await made.close();
});

test("ops with a kernel stay, and their masks are drawn there", () => {
  const kernels = new Set([
    "Attention",
    "AttentionGrad",
    "DropoutAddLayerNorm",
    "DropoutAddLayerNormGrad",
    "BiasGelu",
    "BiasGeluGrad",
    "Dropout",
    "EmbeddingGrad",
  ]);
  const { graph, masks } = lowered(bertLoss(), { target: { type: "cuda", kernels, half: true } });
  const own = opsOf(graph).flatMap((op) => (op.startsWith("accelerate_ts:") ? [op.slice(14)] : []));
  assert.deepEqual(new Set(own), kernels);
  assert.deepEqual(masks, []);
});

test("layers that are computed again are so on devices: the numbers stay, and less lies in memory", async () => {
  setSeed(4);
  const model = new GPT2LMHeadModel({ vocab_size: 50, n_embd: 16, n_layer: 4, n_head: 2, n_positions: 32 }).train() as GPT2LMHeadModel;
  const input_ids = tensor(
    Array.from({ length: 2 }, (_, i) => Array.from({ length: 24 }, (_, j) => 1 + ((5 * i + 3 * j) % 47))),
    { dtype: "int64" },
  );
  const loss = () => model({ input_ids, labels: input_ids }).loss as Tensor;
  const peak = ({ graph, plan, symbols }: Lowered) => {
    const sizes = new Map(symbols.map(({ name, feed, dim }) => [name, plan.feeds[feed]!.shape[dim]!]));
    const bytes = (value: Value) =>
      value.shape.reduce<number>((n, d) => n * (typeof d === "number" ? d : graph.env.evaluate(d, sizes)), dtypes[value.dtype].bytes);
    return liveRun(graph, { bytes, memory: { allocate: () => undefined, free: () => {} } }).bytes;
  };
  for (const type of ["webgpu", "cuda"] as const) {
    setSeed(5);
    const kept = lowered(loss(), { target: bare(type) });
    model.gradientCheckpointingEnable();
    setSeed(5);
    const again = lowered(loss(), { target: bare(type) });
    model.gradientCheckpointingDisable();
    assert.ok(again.graph.nodes.length > kept.graph.nodes.length + 20);
    assert.ok(peak(again) < 0.75 * peak(kept), `${peak(again)} of ${peak(kept)} bytes`);
    assertNear(
      await numbersOf(again, again.plan),
      await numbersOf(kept, kept.plan),
      kept.graph.outputs.map((value) => value.name),
    );
  }
});

test("passes whose sizes only data tell decline on devices, and the processor's engines are not asked", () => {
  const reports: PassReport[] = [];
  const refuse = {
    ours: () => {
      throw new Error("asked");
    },
  };
  lowered(bertLoss(), { target: bare("webgpu"), gemm: refuse, precision: "bf16", watch: (report) => reports.push(report) });
  const changes = Object.fromEntries(reports.map(({ name, changes }) => [name, changes]));
  assert.equal(changes.unpad, 0);
  assert.equal(changes["row-pushdown"], 0);
  assert.equal(changes.gemm, 0);
  assert.ok(changes.attention! > 0);
});
