// The split of the spam filter's mails: texts that are equal but for case, spacing and numbers never lie on both sides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { normalize, splitByText } from "../../examples/spam/split.js";

const mails = fc.array(
  fc
    .record({ word: fc.constantFrom("buy now", "hello", "meeting at", "re: list", "Grüße", "無料"), number: fc.nat(3), upper: fc.boolean() })
    .map((mail) => `${mail.upper ? mail.word.toUpperCase() : mail.word}  ${mail.number}`),
  { maxLength: 80 },
);

test("equal texts never straddle the split, and no mail is lost", () => {
  fc.assert(
    fc.property(mails, fc.nat(), (texts, seed) => {
      const { train, test: held } = splitByText(texts, { testSize: 0.2, seed });
      const known = new Set(train.map((row) => normalize(texts[row]!)));
      for (const row of held) assert.ok(!known.has(normalize(texts[row]!)));
      assert.deepEqual(
        [...train, ...held].sort((a, b) => a - b),
        [...texts.keys()],
      );
      assert.ok(held.length <= Math.round(texts.length * 0.2));
    }),
  );
});

test("the same seed gives the same split, another seed another one", () => {
  const texts = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(1 + Math.floor(i / 26)));
  const split = (seed: number) => splitByText(texts, { testSize: 0.2, seed }).test;
  assert.deepEqual(split(1), split(1));
  assert.notDeepEqual(split(1), split(2));
  assert.equal(split(1).length, 20);
});
