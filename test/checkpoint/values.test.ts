// States of objects: every value that JSON and arrays can hold comes back as it was; others are refused with their place.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { CheckpointError, decodeValue, encodeValue } from "../../src/checkpoint/index.js";

const through = (value: unknown): unknown => {
  const { json, tensors } = encodeValue(value, "x");
  return decodeValue({ json: JSON.parse(JSON.stringify(json)) as never, tensors }, "x");
};

describe("values of a state", () => {
  it("come back as they were", () => {
    const arrays = fc.oneof(
      fc.float32Array(),
      fc.float64Array(),
      fc.int8Array(),
      fc.uint8Array(),
      fc.uint8ClampedArray(),
      fc.int16Array(),
      fc.uint16Array(),
      fc.int32Array(),
      fc.uint32Array(),
      fc.bigInt64Array(),
      fc.bigUint64Array(),
    );
    const keys = fc.oneof(fc.string(), fc.constantFrom("$array", "$tensor", "$number", "$bigint", "$object", "a.b", "__proto__", "0"));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ depthSize: "small" }, fc.constant(null), fc.boolean(), fc.string(), fc.double(), fc.bigInt(), arrays, tie("list"), tie("object")),
      list: fc.array(tie("tree"), { maxLength: 4 }),
      object: fc.dictionary(keys, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
    }));
    fc.assert(fc.property(tree, (value) => assert.deepStrictEqual(through(value), value)));
  });

  it("of two places with one name are kept apart", () => {
    const value = { "a.b": Float32Array.of(1), a: { b: Float32Array.of(2) } };
    assert.deepStrictEqual(through(value), value);
  });

  it("that cannot be kept are named with their place", () => {
    const self: Record<string, unknown> = {};
    self.again = self;
    const refused: readonly (readonly [value: unknown, message: RegExp])[] = [
      [{ a: [1, () => 2] }, /a\.1 is a function/],
      [{ a: new Map() }, /a is a Map/],
      [[undefined], /0 is undefined/],
      [{ when: new Date() }, /when is a Date/],
      [Symbol("x"), /the state is a symbol/],
      [self, /deeper than 100/],
    ];
    for (const [value, message] of refused)
      assert.throws(() => encodeValue(value, "object 1"), { name: CheckpointError.name, code: "ERR_CHECKPOINT_OBJECT", message });
    assert.deepStrictEqual(through({ left: undefined, kept: 1 }), { kept: 1 });
  });
});
