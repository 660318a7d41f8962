// Products by oneDNN: the kernel against plain loops, and what is said where it is missing.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { Builder } from "../../src/graph/builder.js";
import { Graph, type Value } from "../../src/graph/graph.js";
import { numberToBfloat16 } from "../../src/graph/half.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { addGemm, type GemmActivation, gemmActivations } from "../../src/graph/ops/gemm.js";
import { decompose } from "../../src/graph/passes/decompose.js";
import { Engine } from "../../src/runtime/index.js";
import { GemmChoices, otherEngineRate } from "../../src/runtime/gemm-choices.js";
import { gemmEngine, gemmEnginePath } from "../../src/runtime/gemm-engine.js";

const engine = Engine.default();
const found = gemmEngine();
const skip = found ? false : `oneDNN's addon is not built (no ${gemmEnginePath()})`;
const skipBfloat16 = skip || (found?.bfloat16 === "none" ? "oneDNN has no bfloat16 for this processor" : false);

interface Case {
  readonly lead: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
  readonly activation: GemmActivation;
  readonly bias: boolean;
  readonly residual: boolean;
  readonly bf16: boolean;
}

/** Numbers from -1 to 1 that depend on nothing but the seed. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const widened = new Float32Array(1);
const roundedToBfloat16 = (x: number): number => {
  new Uint32Array(widened.buffer)[0] = numberToBfloat16(x) << 16;
  return widened[0]!;
};

const erf = (x: number): number => {
  let [sum, term] = [x, x];
  for (let i = 1; i < 120; i++) {
    term *= (-x * x) / i;
    sum += term / (2 * i + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
};
const activate: { readonly [A in GemmActivation]: (x: number) => number } = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  gelu: (x) => (Math.abs(x) > 6 ? Math.max(x, 0) : 0.5 * x * (1 + erf(x / Math.SQRT2))),
  gelu_tanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

interface Built {
  readonly graph: Graph;
  readonly fed: readonly { readonly data: Float32Array; readonly shape: readonly number[] }[];
  readonly rows: number;
}
function build(c: Case): Built {
  const graph = new Graph();
  const b = new Builder(graph);
  const rows = c.transposeA ? c.m : c.lead.reduce((x, y) => x * y, c.m);
  const yShape = c.transposeA ? [c.m, c.n] : [...c.lead, c.m, c.n];
  const fed: { data: Float32Array; shape: readonly number[] }[] = [];
  const input = (name: string, shape: readonly number[]): Value => {
    fed.push({
      data: numbers(
        shape.reduce((x, y) => x * y, 1),
        fed.length + 1 + c.m * 7 + c.k,
      ),
      shape,
    });
    return graph.input(name, "float32", shape);
  };
  const a = input("a", c.transposeA ? [c.k, c.m] : [...c.lead, c.m, c.k]);
  const w = input("w", c.transposeB ? [c.n, c.k] : [c.k, c.n]);
  const bias = c.bias ? input("bias", [c.n]) : undefined;
  const residual = c.residual ? input("residual", yShape) : undefined;
  const of = (x: Value) => (c.bf16 ? b.op("ToBfloat16", [x], {}, { domain: "accelerate_ts" }) : x);
  const { transposeA, transposeB, alpha, activation } = c;
  graph.output(addGemm(b, of(a), of(w), { transposeA, transposeB, alpha, activation, bias, residual }), "y");
  return { graph, fed, rows };
}

async function run({ graph, fed }: Built): Promise<Float32Array> {
  await using session = await engine.createSession(toOnnx(graph));
  using binding = session.createBinding();
  for (const [i, { data, shape }] of fed.entries()) binding.bindInput(i, data, shape);
  binding.bindOutputDynamic(0);
  await binding.run();
  return binding.takeOutput(0).data as Float32Array;
}

/** The same in float64. */
function oracle(c: Case, { fed, rows }: Built): Float64Array {
  const [a, w] = fed.slice(0, 2).map(({ data }) => (c.bf16 ? data.map(roundedToBfloat16) : data)) as [Float32Array, Float32Array];
  const bias = c.bias ? fed[2]!.data : undefined;
  const residual = c.residual ? fed.at(-1)!.data : undefined;
  const out = new Float64Array(rows * c.n);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < c.n; j++) {
      let sum = 0;
      for (let l = 0; l < c.k; l++) sum += a[c.transposeA ? l * rows + i : i * c.k + l]! * w[c.transposeB ? j * c.k + l : l * c.n + j]!;
      out[i * c.n + j] = activate[c.activation](c.alpha * sum + (bias?.[j] ?? 0)) + (residual?.[i * c.n + j] ?? 0);
    }
  }
  return out;
}

function near(found: ArrayLike<number>, wanted: ArrayLike<number>, bound: number): void {
  assert.equal(found.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) assert.ok(Math.abs(found[i]! - wanted[i]!) <= bound, `number ${i} is ${found[i]}, not ${wanted[i]} (bound ${bound})`);
}

const cases = (bf16: boolean): fc.Arbitrary<Case> =>
  fc
    .record({
      lead: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
      m: fc.integer({ min: 1, max: 140 }),
      n: fc.integer({ min: 1, max: 140 }),
      k: fc.integer({ min: 1, max: 70 }),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      alpha: fc.constantFrom(1, 1, 0.25, -2),
      activation: fc.constantFrom(...gemmActivations),
      bias: fc.boolean(),
      residual: fc.boolean(),
    })
    .map((c) => ({ ...c, bf16, lead: c.transposeA ? [] : c.lead }));

suite("accelerate_ts:Gemm", () => {
  for (const bf16 of [false, true]) {
    const dtype = bf16 ? "bfloat16" : "float32";
    test(`multiplies, adds and activates in ${dtype} as plain loops do, whatever the sizes`, { skip: bf16 ? skipBfloat16 : skip }, async () => {
      await fc.assert(
        fc.asyncProperty(cases(bf16), async (c) => {
          const built = build(c);
          near(await run(built), oracle(c, built), 1e-5 * (1 + Math.abs(c.alpha) * Math.sqrt(c.k)));
        }),
        { numRuns: 40 },
      );
    });

    test(`is in ${dtype} what its decomposition is`, { skip: bf16 ? skipBfloat16 : skip }, async () => {
      const c: Case = { lead: [2], m: 33, n: 40, k: 48, transposeA: false, transposeB: true, alpha: 0.5, activation: "gelu", bias: true, residual: true, bf16 };
      const built = build(c);
      const kernel = await run(built);
      decompose(built.graph, (node) => node.op === "Gemm" || node.op === "ToBfloat16");
      assert.ok(built.graph.nodes.every((node) => node.domain !== "accelerate_ts"));
      near(kernel, await run(built), 1e-5);
    });
  }

  test("a product of no rows is empty, one over no columns is 0", { skip }, async () => {
    const plain = { lead: [], transposeA: false, transposeB: false, alpha: 1, activation: "none", bias: false, residual: false, bf16: false } as const;
    assert.equal((await run(build({ ...plain, m: 0, n: 4, k: 3 }))).length, 0);
    assert.deepEqual([...(await run(build({ ...plain, m: 2, n: 2, k: 0 })))], [0, 0, 0, 0]);
  });

  test("ToBfloat16 rounds every number to the nearest, to the last bit", async () => {
    const graph = new Graph();
    graph.output(new Builder(graph).op("ToBfloat16", [graph.input("x", "float32", ["n"])], {}, { domain: "accelerate_ts" }), "y");
    await using session = await engine.createSession(toOnnx(graph));
    using binding = session.createBinding();
    const special = [0, -0, 1e-45, -3e-39, 1.1754942e-38, 3.3895314e38, 3.4028235e38, Infinity, -Infinity, 1.00390625, 1.01171875];
    for (const count of [0, 1, 15, 16, 17, 1000, 200_001]) {
      const x = numbers(count, count + 5).map((value, i) => (i < special.length ? special[i]! : value * 10 ** ((i % 70) - 35)));
      binding.bindInput(0, x, [count]);
      binding.bindOutputDynamic(0);
      await binding.run();
      const y = binding.takeOutput(0).data as Uint16Array;
      assert.equal(y.length, count);
      for (let i = 0; i < count; i++) assert.equal(y[i], numberToBfloat16(x[i]!), `${x[i]}`);
    }
    binding.bindInput(0, new Float32Array(20).fill(Number.NaN), [20]);
    binding.bindOutputDynamic(0);
    await binding.run();
    for (const bits of binding.takeOutput(0).data as Uint16Array) assert.ok((bits & 0x7fff) > 0x7f80);
  });

  test("sizes that do not fit are refused when the graph is made", () => {
    const graph = new Graph();
    const b = new Builder(graph);
    const [a, w] = [graph.input("a", "float32", [4, 3]), graph.input("w", "float32", [5, 2])];
    assert.throws(() => addGemm(b, a, w), /inner sizes 3 and 5 differ/);
    assert.throws(() => addGemm(b, a, graph.input("v", "float32", [3, 2]), { residual: graph.input("r", "float32", [4, 1]) }), /residual/);
  });
});

suite("choice of the engine", () => {
  test("is made once per shape, told, and the same when it is asked again", { skip }, () => {
    const shape = { m: 128, n: 128, k: 128, transposeA: true, transposeB: false, bias: false };
    const choices = new GemmChoices(engine);
    const first = choices.ours(shape);
    assert.equal(choices.ours(shape), first);
    assert.equal(choices.made.length, 1);
    const { shape: text, engine: name, mlas, other } = choices.made[0]!;
    assert.equal(text, "128x128x128 TN");
    assert.equal(name, first ? found!.name : "MLAS");
    assert.ok(mlas > 0 && other > 0);
    assert.equal(new GemmChoices(engine).ours(shape), first, "another process of this machine chooses alike");
  });

  test("the engine's rate is told in both types, where it has them", () => {
    const options = { size: 256, seconds: 0.02 };
    const [wide, narrow] = [otherEngineRate(engine, "no", options), otherEngineRate(engine, "bf16", options)];
    assert.equal(wide?.engine, found && `${found.name}, float32`);
    assert.equal(narrow?.engine, found && found.bfloat16 !== "none" ? `${found.name}, bfloat16` : undefined);
    for (const rate of [wide, narrow]) assert.ok(rate === undefined || rate.gflops > 0);
  });
});
