// Tables of which only some rows are known to be other than zero: kernels read nothing else, and give the bits that they give without knowing.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { adafactorFields, adagradFields, adamFields, kernelsOf, lionFields, normKinds, rmspropFields, sgdFields } from "../../src/optim/kernels.js";
import { Engine } from "../../src/runtime/index.js";
import type { GradientSources } from "../../src/tensor/index.js";

const kernels = () => kernelsOf(Engine.default());
const number = (seed: number, i: number): number => Math.fround(Math.sin(seed * 131.7 + i * 0.731) * (1 + (i % 7)));

/** Tables side by side with gaps of plain numbers between them. */
const layouts = fc.record({
  workers: fc.integer({ min: 1, max: 4 }),
  tables: fc.array(
    fc.record({
      gap: fc.nat(40),
      rows: fc.integer({ min: 1, max: 150 }),
      width: fc.constantFrom(1, 3, 16, 20, 64, 384),
      share: fc.constantFrom(0, 0.02, 0.3, 1),
    }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  factor: fc.constantFrom(1, 0.5, 1 / 3),
  seed: fc.nat(1000),
  from: fc.nat(30),
  cut: fc.nat(700),
});

interface Made {
  readonly total: number;
  readonly arrays: readonly Float32Array[];
  readonly sources: GradientSources;
  /** Begins and ends inside of rows. */
  readonly ranges: Float64Array;
}

function make({ workers, tables, factor, seed, from, cut }: typeof layouts extends fc.Arbitrary<infer T> ? T : never): Made {
  let [at, word] = [0, 0];
  const places = tables.map(({ gap, rows, width, share }) => {
    const place = { offset: Math.ceil((at + gap) / 16) * 16, rows, width, word, share };
    at = place.offset + rows * width;
    word += Math.ceil(rows / 32);
    return place;
  });
  const total = at + 33;
  const bits = Array.from({ length: workers }, () => new Uint32Array(word));
  const arrays = bits.map((own, k) => {
    const data = Float32Array.from({ length: total }, (_, i) => number(seed + k, i));
    for (const { offset, rows, width, word: first, share } of places)
      for (let r = 0; r < rows; r++) {
        if (Math.abs(Math.sin(seed * 7.3 + k * 31.1 + r * 12.9)) < share || share === 1) own[first + (r >>> 5)]! |= 1 << (r & 31);
        else data.fill(0, offset + r * width, offset + (r + 1) * width);
      }
    return data;
  });
  const begin = Math.min(from, total - 1);
  const end = Math.max(begin + 1, total - cut);
  const middle = Math.floor((begin + end) / 2);
  const everybody = 2 ** workers - 1;
  const ranges = [begin, middle - begin, 0, everybody, middle, end - middle, 0, Math.max(1, everybody - 1)];
  const numbers = Float64Array.from(places.flatMap((p) => [p.offset, p.rows, p.width, p.word]));
  return { total, arrays, sources: { arrays, factor, rows: { tables: numbers, bits } }, ranges: Float64Array.from(ranges) };
}
const plain = ({ arrays, factor }: GradientSources): GradientSources => ({ arrays, factor });
const first = ({ arrays, rows }: GradientSources): GradientSources => ({ arrays: [arrays[0]!], factor: 1, rows: { ...rows!, bits: [rows!.bits[0]!] } });
const alone = (ranges: Float64Array): Float64Array => ranges.map((x, i) => (i % 4 === 3 ? 1 : x));

/** Zeroes the rows of tables that have no bit. */
function clearRows(data: Float32Array, tables: Float64Array, bits: Uint32Array): void {
  for (let t = 0; t < tables.length; t += 4) {
    const [offset, rows, width, word] = tables.subarray(t, t + 4) as unknown as [number, number, number, number];
    for (let r = 0; r < rows; r++) if (((bits[word + (r >>> 5)]! >>> (r & 31)) & 1) === 0) data.fill(0, offset + r * width, offset + (r + 1) * width);
  }
}

const constants = (fields: readonly string[], values: Readonly<Record<string, number>>): Float64Array => Float64Array.from(fields, (name) => values[name]!);
const adam = {
  gradScale: 0.5,
  l2: 0.1,
  oneMinusBeta1: 0.1,
  beta2: 0.999,
  oneMinusBeta2: 0.001,
  decayBefore: 0.99,
  stepSize: 0.01,
  rootScale: 1,
  eps: 1e-8,
  decayAfter: 1,
};
const sgd = { gradScale: 2, l2: 0, momentum: 0, oneMinusDampening: 0, lr: 0.1, gFactor: 1, bFactor: 0 };
const adamw = { ...adam, l2: 0 };
const momentum = { ...sgd, momentum: 0.9, oneMinusDampening: 1, gFactor: 0, bFactor: 1 };
const rmsprop = { gradScale: 1, l2: 0, alpha: 0.9, oneMinusAlpha: 0.1, eps: 1e-6, momentum: 0.5, lr: 0.1 };
const adagrad = { gradScale: 1, l2: 0, initial: 0, stepSize: 0.1, eps: 1e-10 };
const lion = { gradScale: 1, beta1: 0.9, oneMinusBeta1: 0.1, beta2: 0.99, oneMinusBeta2: 0.01, lr: 0.1, decay: 0.9 };

type Gradients = Float32Array | GradientSources;
type Update = (gradients: Gradients, ranges: Float64Array, arrays: readonly Float32Array[], tables: Float64Array) => Promise<void>;
const updates: Readonly<Record<string, Update>> = {
  adam: (g, r, [p, m, v]) => kernels().adamStep(p!, g, m!, v!, r, constants(adamFields, adam)),
  adamw: (g, r, [p, m, v]) => kernels().adamStep(p!, g, m!, v!, r, constants(adamFields, adamw)),
  "adamw without decay": (g, r, [p, m, v]) => kernels().adamStep(p!, g, m!, v!, r, constants(adamFields, { ...adamw, decayBefore: 1 })),
  sgd: (g, r, [p]) => kernels().sgdStep(p!, g, undefined, r, constants(sgdFields, sgd)),
  "sgd that is no number": (g, r, [p]) => kernels().sgdStep(p!, g, undefined, r, constants(sgdFields, { ...sgd, gradScale: Number.NaN })),
  momentum: (g, r, [p, m]) => kernels().sgdStep(p!, g, m!, r, constants(sgdFields, momentum)),
  rmsprop: (g, r, [p, m, v, a]) => kernels().rmspropStep(p!, g, m!, v!, a!, r, constants(rmspropFields, rmsprop)),
  adagrad: (g, r, [p, m]) => kernels().adagradStep(p!, g, m!, r, constants(adagradFields, adagrad)),
  lion: (g, r, [p, m]) => kernels().lionStep(p!, g, m!, r, constants(lionFields, lion)),
  adafactor: (g, ranges, [p, m, v, a], tables) => {
    const parameters: number[] = [];
    for (let i = 0; i < tables.length; i += 4) parameters.push(tables[i]!, 0, ranges[3]!, 1, tables[i + 1]!, tables[i + 2]!, tables[i]!, tables[i]!, 0, 0);
    const row = {
      gradScale: 1,
      beta2: 0.9,
      oneMinusBeta2: 0.1,
      epsSquare: 1e-30,
      epsScale: 1e-3,
      clipThreshold: 1,
      lr: 0.1,
      scales: 0,
      beta1: 0,
      oneMinusBeta1: 1,
      weightDecay: 0,
    };
    return kernels().adafactorStep(
      p!,
      g,
      { rows: m!, columns: v!, squares: a!, average: undefined, rms: undefined },
      Float64Array.from(parameters),
      constants(adafactorFields, row),
    );
  },
};

describe("kernels that know which rows there are", () => {
  for (const [name, update] of Object.entries(updates))
    it(`update with ${name} as if they did not, from one gradient and from several`, async () => {
      await fc.assert(
        fc.asyncProperty(layouts, async (layout) => {
          const { total, sources, ranges } = make(layout);
          const run = async (gradients: Gradients, places: Float64Array, state?: Uint32Array): Promise<Float32Array[]> => {
            const arrays = [50, 51, 52, 53].map((seed) => Float32Array.from({ length: total }, (_, i) => Math.abs(number(seed, i))));
            if (state) for (const data of arrays.slice(1)) clearRows(data, sources.rows!.tables, state);
            await update(gradients, places, arrays, sources.rows!.tables);
            return arrays;
          };
          assert.deepEqual(await run(sources, ranges), await run(plain(sources), ranges));
          assert.deepEqual(await run(first(sources), alone(ranges)), await run(sources.arrays[0]!, alone(ranges)));
          // Rows without state: every third, and those that no worker's bits say.
          const state = sources.rows!.bits[0]!.map((word) => word | 0x49249249);
          assert.deepEqual(await run({ ...sources, rows: { ...sources.rows!, state } }, ranges, state), await run(plain(sources), ranges, state));
        }),
        { numRuns: 25 },
      );
    });

  it("take norms, scale and limit as if they did not", async () => {
    await fc.assert(
      fc.asyncProperty(layouts, fc.constantFrom(0, 3, 5), async (layout, bad) => {
        const { arrays, sources, ranges } = make(layout);
        const own = first(sources);
        // What is no number is counted, where it lies in a row that there is.
        const bits = own.rows!.bits[0]!;
        const [offset, rows, width] = own.rows!.tables;
        for (let r = 0; r < rows! && bad > 0; r++)
          if ((bits[r >>> 5]! >>> (r & 31)) & 1) arrays[0]![offset! + r * width! + (bad % width!)] = bad === 3 ? Number.NaN : Number.NEGATIVE_INFINITY;
        for (const kind of Object.values(normKinds))
          assert.deepEqual(await kernels().norm(own, ranges, kind, 3), await kernels().norm(arrays[0]!, ranges, kind, 3));
        const before = arrays[0]!.slice();
        for (const factor of [0.3, Number.NaN]) {
          const dense = before.slice();
          arrays[0]!.set(before);
          await kernels().scale(dense, ranges, factor);
          await kernels().scale(own, ranges, factor);
          assert.deepEqual(arrays[0], dense);
        }
        const dense = before.slice();
        arrays[0]!.set(before);
        await kernels().clamp(dense, ranges, 0.5);
        await kernels().clamp(own, ranges, 0.5);
        assert.deepEqual(arrays[0], dense);
      }),
      { numRuns: 40 },
    );
  });

  it("add up into memory whose rows they know, and clear those that nobody has any more", async () => {
    await fc.assert(
      fc.asyncProperty(layouts, fc.nat(1000), async (layout, other) => {
        const now = make(layout);
        const before = make({ ...layout, seed: other });
        // All of it, as all workers together write it.
        const everything = Float64Array.of(0, now.total, 0, 2 ** layout.workers - 1);
        const out = new Float32Array(now.total);
        await kernels().sum(out, plain(before.sources), everything);
        const known = before.sources.rows!.bits.reduce(
          (all, bits) => all.map((word, i) => word | bits[i]!),
          new Uint32Array(before.sources.rows!.bits[0]!.length),
        );
        await kernels().sum(out, { ...now.sources, rows: { ...now.sources.rows!, before: known } }, everything);
        const wanted = new Float32Array(now.total);
        await kernels().sum(wanted, plain(now.sources), everything);
        assert.deepEqual(out, wanted);
      }),
      { numRuns: 40 },
    );
  });

  it("refuse tables that leave the memory or have no bits", async () => {
    const memory = new Float32Array(64);
    const ranges = Float64Array.of(0, 64, 0, 1);
    const sources = (tables: readonly number[], words: number): GradientSources => ({
      arrays: [memory],
      factor: 1,
      rows: { tables: Float64Array.from(tables), bits: [new Uint32Array(words)] },
    });
    for (const [tables, words] of [
      [[0, 5, 16, 0], 1],
      [[0, 33, 1, 0], 1],
      [[32, 2, 16, 0, 0, 2, 16, 1], 2],
      [[0, 4, 16, 1], 1],
    ] as const)
      assert.throws(() => kernels().scale(sources(tables, words), ranges, 2), { code: "ERR_ARGUMENT" });
  });
});
