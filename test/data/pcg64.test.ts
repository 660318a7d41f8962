// Golden values of numpy's default generator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Pcg64 } from "../../src/data/index.js";

test("seed 42 gives numpy's first word", () => {
  assert.equal(new Pcg64(42).nextUint64(), 14276969152011380360n);
});

// np.random.default_rng(seed).permutation(n)[:k], numpy 2.4.6
const goldens: readonly (readonly [seed: number | readonly number[], n: number, first: readonly number[]])[] = [
  [42, 10, [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]],
  [42, 3668, [3550, 3311, 3524, 435, 2027, 1958, 3540, 1439]],
  [42, 150000, [149993, 68942, 66075, 118888, 44265]],
  [42, 50000, [712, 24774, 45142, 27119, 21139]],
  [[7, 3], 10, [3, 5, 4, 7, 8, 0, 9, 2, 1, 6]],
];
for (const [seed, n, first] of goldens) {
  test(`permutation(${n}) with seed ${String(seed)} is numpy's`, () => {
    assert.deepEqual([...new Pcg64(seed).permutation(n).subarray(0, first.length)], first);
  });
}

test("a permutation holds every number once, and the same seed gives the same one", () => {
  fc.assert(
    fc.property(fc.nat({ max: 500 }), fc.nat(), (n, seed) => {
      const order = new Pcg64(seed).permutation(n);
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        Array.from({ length: n }, (_, i) => i),
      );
      assert.deepEqual(order, new Pcg64(seed).permutation(n));
    }),
  );
});

test("a negative or broken seed is refused", () => {
  for (const seed of [-1, 1.5, Number.NaN]) assert.throws(() => new Pcg64(seed), { code: "ERR_SEED" });
});

test("draws are numpy's: choice with probabilities, random, integers, choice without replacement", () => {
  // r = np.random.default_rng(7), one call after the other.
  const r = new Pcg64(7);
  assert.deepEqual(r.choice(12, [0.5, 0.2, 0.3]), [1, 2, 2, 0, 0, 2, 0, 2, 2, 0, 0, 0]);
  assert.equal(r.nextDouble(), 0.2548695876541246);
  assert.deepEqual(
    Array.from({ length: 8 }, () => r.nextBelow(999)),
    [990, 445, 478, 504, 582, 553, 509, 995],
  );
  assert.deepEqual(r.sample(10, 4), [9, 5, 8, 6]);
  assert.deepEqual(r.sample(6, 6), [3, 2, 4, 1, 5, 0]);
  assert.deepEqual(r.sample(1, 1), [0]);
  assert.deepEqual(r.sample(20000, 500).slice(0, 6), [6021, 7320, 16904, 17240, 3536, 8481]);
  assert.deepEqual([...r.permutation(7)], [4, 2, 0, 1, 5, 3, 6]);
  assert.throws(() => r.choice(1, [0.5, 0.4]), { code: "ERR_PROBABILITIES" });
});
