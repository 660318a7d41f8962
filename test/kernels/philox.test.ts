// Philox4x32-10: the known answers of its authors' library, and the same bits in TypeScript and in the addon.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { philox4x32 } from "../../src/runtime/philox.js";
import { testKernels } from "./fixtures.js";

type Words = readonly [number, number, number, number];
/** Of Random123 (kat_vectors): counter, key, result. */
const knownAnswers: readonly (readonly [Words, readonly [number, number], Words])[] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test("both give the known answers", () => {
  for (const [counter, key, words] of knownAnswers) {
    assert.deepEqual(philox4x32(...counter, ...key), words);
    assert.deepEqual(testKernels().philox(...counter, ...key), words);
  }
});

test("both give the same words for any counter and key", () => {
  const word = fc.nat(0xffffffff);
  fc.assert(
    fc.property(fc.tuple(word, word, word, word, word, word), (in6) => assert.deepEqual(philox4x32(...in6), testKernels().philox(...in6))),
    { numRuns: 2000 },
  );
});
