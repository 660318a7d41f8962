import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { ArgumentError } from "../../src/errors.js";
import { Arena } from "../../src/runtime/index.js";

suite("Arena", () => {
  test("property: segments are aligned to 64 bytes, in order, and share no element", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 12 }), (lengths) => {
        const arena = Arena.allocate(lengths.map((length, i) => ({ name: `p${i}`, length })));
        arena.segments.forEach(({ offset, length }, i) => {
          assert.equal(offset % 16, 0);
          assert.equal(length, lengths[i]);
          const next = arena.segments[i + 1];
          assert.ok(offset + length <= (next?.offset ?? arena.data.length));
        });
        assert.ok(arena.data.every((value) => value === 0));
      }),
      { numRuns: 50 },
    );
  });

  test("a view is the arena's memory itself", () => {
    const arena = Arena.allocate([
      { name: "weight", length: 20 },
      { name: "bias", length: 3 },
    ]);
    arena.view(1).set([1, 2, 3]);
    assert.deepEqual([...arena.data.subarray(32, 35)], [1, 2, 3]);
    assert.equal(arena.view(0).buffer, arena.data.buffer);
  });

  test("memory may come from elsewhere", () => {
    const arena = Arena.allocate([{ name: "w", length: 4 }], { allocate: (bytes) => new ArrayBuffer(bytes) });
    assert.equal(arena.data.length, 16);
  });

  test("bad lengths and places are refused", () => {
    assert.throws(() => Arena.allocate([{ name: "w", length: 1.5 }]), ArgumentError);
    assert.throws(() => Arena.allocate([]).view(0), ArgumentError);
  });
});
