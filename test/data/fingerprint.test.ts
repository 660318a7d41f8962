// Fingerprints: the same for the same, another for anything else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel } from "../../src/data/index.js";
import { tensor } from "../../src/tensor/index.js";
import { fingerprintOf } from "../../src/data/dataset/fingerprint.js";

test("a fingerprint has 16 hex digits and is that of every run", () => {
  assert.equal(fingerprintOf("a", 1, { x: [true, null] }), "88d5806d1a43c2da");
});

test("values that differ have fingerprints that differ; the order of keys is no difference", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt(),
      fc.uint8Array(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 2 }), tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(value, value, (a, b) => {
      assert.equal(fingerprintOf(a) === fingerprintOf(b), isDeepStrictEqual(a, b) || Object.is(a, b));
    }),
    { numRuns: 300 },
  );
  assert.equal(fingerprintOf({ a: 1, b: 2 }), fingerprintOf({ b: 2, a: 1, c: undefined }));
  const unlike = [
    ["ab", "c"],
    ["a", "bc"],
    [["ab"], "c"],
    [1],
    ["1"],
    [1n],
    [true],
    [null],
    [undefined],
    [],
    [[]],
    [{}],
    [-0],
    [0],
    [new Map()],
    [new Set()],
    [new Date(0)],
    [() => 1],
    [() => 2],
  ];
  assert.equal(new Set(unlike.map((parts) => fingerprintOf(...parts))).size, unlike.length);
  assert.notEqual(fingerprintOf(new ClassLabel(["a"])), fingerprintOf({ names: ["a"] }));
});

test("what cannot be told apart is refused", () => {
  const own: { self?: unknown } = {};
  own.self = own;
  assert.throws(() => fingerprintOf(own), { code: "ERR_FINGERPRINT" });
  for (const opaque of [Symbol("x"), tensor([1]), Promise.resolve(1), new WeakMap(), new (class {})()])
    assert.throws(() => fingerprintOf({ opaque }), { code: "ERR_FINGERPRINT" });
  assert.notEqual(fingerprintOf(Uint8Array.of(1).buffer), fingerprintOf(Uint8Array.of(2).buffer));
});
