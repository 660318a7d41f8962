// Pieces in which gradients travel: where they begin and end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketsOfArena } from "../../src/accelerator/gradients/buckets.js";
import type { ArenaSegment } from "../../src/tensor/index.js";

interface Size {
  readonly kb: number;
  readonly frozen?: boolean;
}
/** By names of parameters, in the order of memory. */
function bucketsOf(sizes: Readonly<Record<string, Size | number>>, capMb: number): string[][] {
  const names = Object.keys(sizes);
  let offset = 0;
  const segments = Object.values(sizes).map((size, index) => {
    const { kb, frozen = false } = typeof size === "number" ? { kb: size } : size;
    const segment = { index, offset, length: (kb * 1000) / 4, parameter: { requiresGrad: !frozen } };
    offset += Math.ceil(segment.length / 16) * 16;
    return segment as unknown as ArenaSegment;
  });
  const buckets = bucketsOfArena(segments, { capBytes: capMb * 1e6 });
  for (const [i, { index, begin, end }] of buckets.entries()) {
    assert.equal(index, i);
    assert.ok(end > begin);
    assert.equal(end, buckets[i - 1]?.begin ?? offset); // nothing is left out
  }
  return buckets.map(({ segments: own }) => own.map((segment) => names[segment.index]!));
}

test("buckets begin with the last parameters, and the first and the last one are small", () => {
  const layers = { a: 400, b: 400, c: 900, d: 900, e: 900, f: 900, g: 900, h: 900, i: 900 };
  assert.deepEqual(bucketsOf(layers, 3), [["i"], ["f", "g", "h"], ["c", "d", "e"], ["a", "b"]]);
});

test("tables at the begin of memory do not hold back the layers behind them", () => {
  const bert = { word: 90_000, position: 1500, norm: 6, query: 2400, value: 2400, dense: 2400 };
  assert.deepEqual(bucketsOf(bert, 25), [["dense"], ["query", "value"], ["position", "norm"], ["word"]]);
});

test("little is one bucket, and frozen parameters are apart", () => {
  assert.deepEqual(bucketsOf({ a: 100, b: 100, c: 100 }, 25), [["a", "b", "c"]]);
  assert.deepEqual(bucketsOf({ a: 100, b: { kb: 100, frozen: true }, c: { kb: 100, frozen: true }, d: 100 }, 25), [["d"], ["b", "c"], ["a"]]);
});
