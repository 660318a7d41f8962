// The split of the spam filter's mails: texts that are equal but for case, spacing and numbers never lie on both sides.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { normalize, splitByText } from "../../examples/spam/split.js";

const texts = fc.array(
  fc.record({ word: fc.constantFrom("buy now", "hello", "meeting at", "re: list", "Grüße", "無料"), number: fc.nat(3), upper: fc.boolean() }),
  { maxLength: 80 },
);
const written = (mail: { word: string; number: number; upper: boolean }) => `${mail.upper ? mail.word.toUpperCase() : mail.word}  ${mail.number}`;

test("equal texts never straddle the split, and no mail is lost", () => {
  fc.assert(
    fc.property(texts, fc.nat(), (mails, seed) => {
      const { train, test: held } = splitByText(mails, { text: written, testSize: 0.2, seed });
      const keys = new Set(train.map((mail) => normalize(written(mail))));
      for (const mail of held) assert.ok(!keys.has(normalize(written(mail))));
      assert.equal(train.length + held.length, mails.length);
      assert.ok(held.length <= Math.round(mails.length * 0.2));
    }),
  );
});

test("the same seed gives the same split, another seed another one", () => {
  const mails = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(1 + Math.floor(i / 26)));
  const split = (seed: number) => splitByText(mails, { text: (mail) => mail, testSize: 0.2, seed }).test;
  assert.deepEqual(split(1), split(1));
  assert.notDeepEqual(split(1), split(2));
  assert.equal(split(1).length, 20);
});
