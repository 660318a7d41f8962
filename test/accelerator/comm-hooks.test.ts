// Communication hooks, host by host in one process: what arrives, how many bytes are sent, what error feedback makes of it, and what a resumed run goes on with.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type BucketGradient, batchedPowerSgd, type CommHook, type GradientBucket, type HostLink, powerSgd } from "../../src/accelerator/comm-hooks/index.js";
import { LowRank } from "../../src/accelerator/comm-hooks/low-rank.js";
import { orthonormalize, vectorsOf } from "../../src/accelerator/comm-hooks/orthonormal.js";
import { compressKernelsOf, Engine, halfFormats } from "../../src/runtime/index.js";
import { float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../src/graph/half.js";

/** Links of hosts that are all in this process: the last to come adds up. */
function linksOf(hosts: number): { readonly links: HostLink[]; readonly sent: { floats: number } } {
  const sent = { floats: 0 };
  let waiting: { readonly data: Float32Array; readonly done: () => void }[] = [];
  const sum = (data: Float32Array): Promise<void> =>
    new Promise((done) => {
      waiting.push({ data, done });
      if (waiting.length < hosts) return;
      const all = waiting;
      waiting = [];
      sent.floats += data.length;
      for (const other of all.slice(1)) assert.equal(other.data.length, data.length);
      const total = data.map((_, i) => all.reduce((s, other) => s + other.data[i]!, 0));
      for (const other of all) {
        other.data.set(total);
        other.done();
      }
    });
  return { links: Array.from({ length: hosts }, () => ({ hosts, sum })), sent };
}

/** A bucket of gradients with a gap of zeros between them. */
function bucketOf(gradients: readonly { readonly shape: readonly number[]; readonly numbers: readonly number[] }[]): GradientBucket {
  const place = (length: number) => Math.ceil(length / 16) * 16;
  const data = new Float32Array(gradients.reduce((sum, { numbers }) => sum + place(numbers.length), 0));
  let at = 0;
  const own = gradients.map(({ shape, numbers }, i): BucketGradient => {
    const part = data.subarray(at, at + numbers.length);
    part.set(numbers);
    at += place(numbers.length);
    return { key: `0/${i}`, name: `p${i}`, shape, data: part };
  });
  return { index: 0, data, gradients: own };
}

/** A reproducible stream of numbers from -1 to 1. */
function numbers(seed: number): (count: number) => number[] {
  let state = seed;
  return (count) =>
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    });
}
const shapes = [[40, 30], [30], [24, 50]] as const;
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const gradientsOf = (draw: (count: number) => number[]) => shapes.map((shape) => ({ shape, numbers: draw(sizeOf(shape)) }));
const total = (buckets: readonly GradientBucket[]): Float32Array => buckets[0]!.data.map((_, i) => buckets.reduce((sum, b) => sum + b.data[i]!, 0));
const norm = (x: Float32Array): number => Math.hypot(...x);
const apart = (a: Float32Array, b: Float32Array): number => norm(a.map((v, i) => v - b[i]!));

async function reduceOn(hooks: readonly CommHook[], buckets: readonly GradientBucket[]): Promise<number> {
  const { links, sent } = linksOf(hooks.length);
  await Promise.all(hooks.map((hook, host) => hook.reduce(buckets[host]!, links[host]!)));
  for (const hook of hooks) hook.stepped!();
  for (const bucket of buckets.slice(1)) assert.deepEqual(bucket.data, buckets[0]!.data, "all hosts hold the same bits");
  return sent.floats;
}

describe("kernels", () => {
  const kernels = () => compressKernelsOf(Engine.default());
  it("round to 16 bits as the conversion of single numbers does", async () => {
    const x = Float32Array.from([...numbers(1)(1000), 0, -0, 1e-8, 6e-8, 65504, 65519, 65520, 1e30, Number.POSITIVE_INFINITY, Number.NaN]);
    const bits = new Uint16Array(x.length);
    await kernels().narrow(halfFormats.fp16, bits, x);
    assert.deepEqual(
      bits.map((b) => (Number.isNaN(float16ToNumber(b)) ? 0x7e00 : b)),
      Uint16Array.from(x, numberToFloat16),
    );
    const back = new Float32Array(x.length);
    await kernels().widen(halfFormats.fp16, back, bits);
    assert.deepEqual(back, Float32Array.from(bits, float16ToNumber));
    await kernels().narrow(halfFormats.bf16, bits, x);
    assert.deepEqual(bits, Uint16Array.from(x, numberToBfloat16));
  });
  it("multiply a matrix with vectors from both sides, and make a matrix of vectors", async () => {
    const draw = numbers(2);
    for (const [rows, cols, k] of [
      [1, 1, 1],
      [7, 33, 2],
      [600, 517, 3],
    ] as const) {
      const matrix = Float32Array.from(draw(rows * cols));
      const [left, right] = [new Float32Array(rows * k), Float32Array.from(draw(cols * k))];
      await kernels().project(matrix, rows, cols, k, left, right);
      const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b)), `${a} instead of ${b}`);
      for (let v = 0; v < k; v++)
        for (let i = 0; i < rows; i++)
          close(
            left[v * rows + i]!,
            matrix.subarray(i * cols, (i + 1) * cols).reduce((s, m, j) => s + m * right[v * cols + j]!, 0),
          );
      await kernels().projectBack(matrix, rows, cols, k, left, right);
      for (let v = 0; v < k; v++)
        for (let j = 0; j < cols; j++) {
          let sum = 0;
          for (let i = 0; i < rows; i++) sum += matrix[i * cols + j]! * left[v * rows + i]!;
          close(right[v * cols + j]!, sum);
        }
      const before = matrix.slice();
      const error = new Float32Array(matrix.length);
      await kernels().rebuild(matrix, rows, cols, k, left, right, error, 0.25);
      for (let i = 0; i < rows; i += 3)
        for (let j = 0; j < cols; j += 5) {
          let sum = 0;
          for (let v = 0; v < k; v++) sum = Math.fround(sum + Math.fround(left[v * rows + i]! * right[v * cols + j]!));
          assert.equal(matrix[i * cols + j], sum);
          assert.equal(error[i * cols + j], Math.fround(before[i * cols + j]! - Math.fround(0.25 * sum)));
        }
    }
  });
  it("refuse arrays that do not fit", () => {
    assert.throws(() => kernels().project(new Float32Array(5), 2, 3, 1, new Float32Array(2), new Float32Array(3)), { code: "ERR_ARGUMENT" });
    assert.throws(() => kernels().narrow(10, new Uint16Array(1), new Float32Array(2)), { code: "ERR_ARGUMENT" });
    assert.throws(() => kernels().rebuild(new Float32Array(6), 2, 3, 1, new Float32Array(2), new Float32Array(3), new Float32Array(5), 1), {
      code: "ERR_ARGUMENT",
    });
  });
});

it("vectors become orthonormal; those that depend on others vanish, and are not counted twice", () => {
  const data = Float32Array.from([1, 2, 3, 4, 2, 4, 6, 8.0000001, 1, 0, 0, 0]);
  const vectors = vectorsOf(data, 3);
  orthonormalize(vectors);
  const dots = vectors.map((a) => vectors.map((b) => a.reduce((s, v, i) => s + v * b[i]!, 0)));
  for (const [i, j, expected] of [
    [0, 0, 1],
    [1, 1, 0],
    [2, 2, 1],
    [0, 2, 0],
    [0, 1, 0],
  ] as const)
    assert.ok(Math.abs(dots[i]![j]! - expected) < 1e-6, `${dots[i]![j]}`);
});

for (const [name, make] of [
  ["powerSgd", powerSgd],
  ["batchedPowerSgd", batchedPowerSgd],
] as const)
  describe(name, () => {
    it("sends the gradients themselves before its first iteration", async () => {
      const draws = [numbers(3), numbers(4)];
      const hooks = [make({ startPowerSgdIter: 2 }), make({ startPowerSgdIter: 2 })];
      const floats: number[] = [];
      for (let step = 0; step < 3; step++) {
        const buckets = draws.map((draw) => bucketOf(gradientsOf(draw)));
        const exact = total(buckets);
        floats.push(await reduceOn(hooks, buckets));
        assert.equal(apart(buckets[0]!.data, exact) === 0, step < 2);
      }
      assert.equal(floats[0], bucketOf(gradientsOf(numbers(3))).data.length);
      assert.ok(floats[2]! * 8 < floats[0]!, `${floats[2]} of ${floats[0]} numbers`);
    });

    it("error feedback: what steps have added up to comes close to the gradients' sum, without it it does not", async () => {
      const relative = async (useErrorFeedback: boolean) => {
        const options = { startPowerSgdIter: 0, useErrorFeedback, matrixApproximationRank: 2 };
        const hooks = [make(options), make(options)];
        const gradients = [gradientsOf(numbers(5)), gradientsOf(numbers(6))]; // the same in every step
        const sums: number[] = [];
        let got = new Float32Array(0);
        let wanted = new Float32Array(0);
        for (let step = 1; step <= 60; step++) {
          const buckets = gradients.map(bucketOf);
          const exact = total(buckets);
          await reduceOn(hooks, buckets);
          got = step === 1 ? buckets[0]!.data.slice() : got.map((v, i) => v + buckets[0]!.data[i]!);
          wanted = exact.map((v) => v * step);
          sums.push(apart(got, wanted) / norm(wanted));
        }
        return sums;
      };
      const [kept, lost] = [await relative(true), await relative(false)];
      assert.ok(kept.at(-1)! < 0.35 && kept.at(-1)! < 0.5 * kept[9]!, `${kept[9]} after 10, ${kept.at(-1)} after 60 steps`);
      assert.ok(lost.at(-1)! > 2 * kept.at(-1)!, `${lost.at(-1)} without, ${kept.at(-1)} with feedback`);
    });

    it("goes on bit for bit from its state", async () => {
      const options = { startPowerSgdIter: 1, matrixApproximationRank: 2 };
      const run = async (hooks: readonly CommHook[], draws: readonly ((count: number) => number[])[], steps: number) => {
        let last: Float32Array = new Float32Array(0);
        for (let step = 0; step < steps; step++) {
          const buckets = draws.map((draw) => bucketOf(gradientsOf(draw)));
          await reduceOn(hooks, buckets);
          last = buckets[0]!.data;
        }
        return last;
      };
      const draws = [numbers(7), numbers(8)];
      const whole = [make(options), make(options)];
      await run(whole, draws, 3);
      const saved = structuredClone(whole.map((hook) => hook.stateDict!()));
      const resumed = saved.map((state) => {
        const hook = make(options);
        hook.loadStateDict!(state);
        return hook;
      });
      const tail = [numbers(9), numbers(10)];
      const expected = await run(whole, tail, 3);
      assert.deepEqual(await run(resumed, [numbers(9), numbers(10)], 3), expected);
    });

    it("shows an overflow on one host to all, and forgets it", async () => {
      const hooks = [make({ startPowerSgdIter: 0 }), make({ startPowerSgdIter: 0 })];
      const draws = [numbers(11), numbers(12)];
      for (let step = 0; step < 3; step++) {
        const buckets = draws.map((draw) => bucketOf(gradientsOf(draw)));
        if (step === 1) buckets[1]!.gradients[0]!.data[5] = Number.POSITIVE_INFINITY;
        await reduceOn(hooks, buckets);
        assert.equal(buckets[0]!.gradients[0]!.data.every(Number.isFinite), step !== 1);
      }
    });
  });

it("a matrix of low rank arrives as it is, also when fewer vectors would do", async () => {
  const draw = numbers(13);
  const [a, b] = [draw(40), draw(30)];
  const rankOne = a.flatMap((x) => b.map((y) => x * y));
  for (const matrixApproximationRank of [1, 2, 4]) {
    const hooks = [0, 1].map(() => powerSgd({ startPowerSgdIter: 0, matrixApproximationRank }));
    for (let step = 0; step < 4; step++) {
      const buckets = [1, 2].map((by) => bucketOf([{ shape: [40, 30], numbers: rankOne.map((v) => v * by) }]));
      const exact = total(buckets);
      await reduceOn(hooks, buckets);
      assert.ok(apart(buckets[0]!.data, exact) <= 1e-5 * norm(exact), `rank ${matrixApproximationRank}, step ${step}: ${apart(buckets[0]!.data, exact)}`);
    }
  }
});

it("options that make no sense are refused", () => {
  for (const options of [
    { matrixApproximationRank: 0 },
    { startPowerSgdIter: -1 },
    { minCompressionRate: 0 },
    { orthogonalizationEpsilon: -1 },
    { rank: 1 } as object,
  ])
    assert.throws(() => new LowRank(options), { code: "ERR_COMM_HOOK" });
});
