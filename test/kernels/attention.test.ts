// The kernels of Attention and AttentionGrad against plain loops in float64: dense and packed sides, masks, dropout, instruction sets; the same bits for any number of threads.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { fc } from "../support/properties.js";
import { type AttentionCase, attentionCases, attentionOracle, dataOf, type Place } from "../graph/attention-cases.js";
import { runAttention } from "../graph/attention-graph.js";
import { instructionSets, testKernels } from "./fixtures.js";

afterEach(() => testKernels().limit(-1, 0));

const names = ["y", "lse", "dq", "dk", "dv"] as const;

/** Fails where a number differs by more than float32's rounding of the sums that it is made of. */
function near(got: Float64Array, want: Float64Array, what: string): void {
  assert.equal(got.length, want.length, what);
  const greatest = want.reduce((a, x) => (Number.isFinite(x) ? Math.max(a, Math.abs(x)) : a), 1);
  for (const [i, x] of want.entries()) {
    if (got[i] !== x) assert.ok(Math.abs(got[i]! - x) <= 4e-6 * greatest, `${what}[${i}] is ${got[i]}, not ${x}`);
  }
}

async function check(c: AttentionCase, threads = 1): Promise<void> {
  const data = dataOf(c);
  const want = attentionOracle(c, data);
  for (const isa of instructionSets()) {
    testKernels().limit(isa, threads);
    const got = await runAttention(c, data, { decomposed: false });
    for (const [i, name] of names.entries()) near(got[i]!, want[name], `${name} (instruction set ${isa})`);
  }
}

test("kernels compute what plain loops do, whatever is packed, masked, causal or dropped", async () => {
  await fc.assert(fc.asyncProperty(attentionCases({ size: 20, tokens: 40 }), fc.integer({ min: 1, max: 4 }), check), { numRuns: 50 });
});

const grid = (batch: number, size: number): Place[] => Array.from({ length: batch * size }, (_, i) => [Math.floor(i / size), i % size] as const);
const whole = (over: Partial<AttentionCase> & { readonly tokens: number }): AttentionCase => ({
  heads: 2,
  size: 32,
  valueSize: 32,
  batch: 2,
  queries: grid(over.batch ?? 2, over.tokens),
  keys: grid(over.batch ?? 2, over.tokens),
  packed: { q: false, k: false },
  bias: "each",
  causal: false,
  ratio: 0.1,
  seed: 5,
  ...over,
});

test("sizes of models: 53 tokens in heads of 32, 130 in heads of 64, more than one block of queries, causal or not", async () => {
  await check(whole({ tokens: 53, heads: 3 }));
  await check(whole({ tokens: 130, size: 64, valueSize: 64, batch: 1 }));
  await check(whole({ tokens: 130, size: 64, valueSize: 48, batch: 1, causal: true, ratio: 0 }));
  await check(whole({ tokens: 300, heads: 1, batch: 1, causal: true }));
});

test("batch entries without keys give zeros, those without queries get zeros, gaps in tokens and a first token that is not 0 keep their masks", async () => {
  const packed = { q: true, k: true };
  await check(
    whole({
      tokens: 9,
      batch: 4,
      packed,
      queries: [...grid(1, 3), [2, 4], [2, 1], [3, 0]],
      keys: [...grid(2, 5), [2, 2], [2, 7], [2, 8], [3, 4], [3, 5], [3, 6]].map(([b, t]) => [b!, t!] as const),
      bias: "none",
    }),
  );
  const c = whole({ tokens: 4, batch: 3, packed, queries: grid(3, 4), keys: grid(2, 4), bias: "none", causal: true });
  await check(c);
});

test("masked keys at both ends of a padded row cost nothing and change nothing", async () => {
  const c = whole({ tokens: 40, batch: 2, ratio: 0.5 });
  const data = dataOf(c);
  const masked = Math.fround(-3.4028234663852886e38);
  for (const [j, [batch, token]] of c.keys.entries()) data.bias[j] = batch === 0 ? (token < 3 || token > 20 ? masked : 0) : token > 33 ? -Infinity : 0;
  const want = attentionOracle(c, data);
  for (const isa of instructionSets()) {
    testKernels().limit(isa, 1);
    const got = await runAttention(c, data, { decomposed: false });
    for (const [i, name] of names.entries()) near(got[i]!, want[name], name);
  }
});

test("what memory held before is read nowhere", async () => {
  const over = { size: 16, valueSize: 16, batch: 1, packed: { q: true, k: true }, bias: "none", ratio: 0.5 } as const;
  // Tokens with gaps, whose dropout is drawn for others, too.
  const gaps = [1, 2, 4, 7, 11].map((token): Place => [0, token]);
  for (const causal of [false, true]) {
    const c = whole({ ...over, tokens: 5, queries: gaps, keys: gaps, causal });
    const data = dataOf(c);
    const want = attentionOracle(c, data);
    for (const isa of instructionSets()) {
      testKernels().limit(isa, 1);
      // Leaves memory full of NaN behind.
      for (const tokens of [5, 10, 20, 30, 40]) {
        const before = whole({ ...over, tokens });
        const numbers = dataOf(before);
        await runAttention(
          before,
          { ...numbers, q: numbers.q.fill(Number.NaN), k: numbers.k.fill(Number.NaN), v: numbers.v.fill(Number.NaN) },
          { decomposed: false },
        );
        const got = await runAttention(c, data, { decomposed: false });
        for (const [i, name] of names.entries()) near(got[i]!, want[name], `${name} (instruction set ${isa})`);
      }
    }
  }
});

test("one to four threads give the same bits", async () => {
  for (const c of [whole({ tokens: 53, heads: 3, batch: 3 }), whole({ tokens: 40, causal: true, packed: { q: true, k: true }, bias: "none" })]) {
    const data = dataOf(c);
    const all: Float64Array[][] = [];
    for (const threads of [1, 2, 3, 4]) {
      testKernels().limit(-1, threads);
      all.push(await runAttention(c, data, { decomposed: false }));
    }
    for (const other of all.slice(1)) assert.deepEqual(other, all[0]);
  }
});

test("places that are not in order are refused, with the first bad one", async () => {
  const c = whole({ tokens: 4, packed: { q: false, k: true }, bias: "none", ratio: 0 });
  const wrong = { ...c, keys: c.keys.map((p, i) => (i === 5 ? ([0, 0] as const) : p)) };
  await assert.rejects(runAttention(wrong, dataOf(c), { decomposed: false }), /place 5 of k is negative, or not in order/);
});
