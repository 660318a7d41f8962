// The two 16-bit float formats: exact both ways, rounded to nearest even.
import assert from "node:assert/strict";
import { it } from "node:test";
import { fc } from "../support/properties.js";
import { typedArray } from "../../src/graph/dtype.js";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../src/graph/half.js";

it("every float16 and bfloat16 survives the way to a number and back", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const half = float16ToNumber(bits);
    if (!Number.isNaN(half)) assert.equal(numberToFloat16(half), bits);
    const brain = bfloat16ToNumber(bits);
    if (!Number.isNaN(brain)) assert.equal(numberToBfloat16(brain), bits);
  }
  assert.ok(Number.isNaN(float16ToNumber(numberToFloat16(Number.NaN))));
  assert.ok(Number.isNaN(bfloat16ToNumber(numberToBfloat16(Number.NaN))));
});

it("numbers round to the nearest value of the format, ties to the even one", () => {
  const nearest = (value: number, encode: (v: number) => number, decode: (b: number) => number) => {
    const bits = encode(value);
    const error = Math.abs(decode(bits) - value);
    for (const other of [bits - 1, bits + 1]) {
      const distance = Math.abs(decode(other & 0xffff) - value);
      assert.ok(!(distance < error), `${value}: ${bits} against ${other}`);
      if (distance === error && distance > 0) assert.equal(bits & 1, 0);
    }
  };
  fc.assert(
    fc.property(fc.float({ min: Math.fround(-6e4), max: Math.fround(6e4), noNaN: true }), (v) => {
      nearest(v, numberToFloat16, float16ToNumber);
      nearest(v, numberToBfloat16, bfloat16ToNumber);
    }),
  );
});

it("typed arrays of half precision hold the bits of their numbers", () => {
  assert.deepEqual([...typedArray("float16", [1, -2])], [0x3c00, 0xc000]);
  assert.deepEqual([...typedArray("bfloat16", [1, -2])], [0x3f80, 0xc000]);
});
