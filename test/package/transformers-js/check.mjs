// transformers.js runs what exportOnnx has written, and says of every text what our model said of it, alone and in padded batches.
//   node check.mjs FOLDER
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { env, pipeline } from "@huggingface/transformers";

const folder = resolve(process.argv[2]);
env.allowRemoteModels = false;
env.localModelPath = folder;
const closeTo = (actual, { label, score, text }) => {
  assert.equal(actual.label, label, text);
  assert.ok(Math.abs(actual.score - score) <= 1e-5, `${text}: ${actual.score}, our model says ${score}`);
};
for (const name of ["bert", "distilbert"]) {
  const expected = JSON.parse(readFileSync(join(folder, name, "expected.json"), "utf8"));
  const classify = await pipeline("text-classification", name);
  for (const one of expected) closeTo((await classify(one.text))[0], one);
  const together = await classify(expected.map(({ text }) => text));
  for (const [i, one] of expected.entries()) closeTo([together[i]].flat()[0], one);
  await classify.dispose();
  console.log(`transformers.js agrees on ${expected.length} texts with ${name}: ${[...new Set(expected.map(({ label }) => label))].join(", ")}`);
}
