// The main job on a few mails, as a process: what it prints, what it saves, and that the saved filter can be used. `npm start` is the whole of it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const examples = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples");

test("the spam filter trains, reports every epoch, saves a model, and the model classifies", async () => {
  const folder = await mkdtemp(join(tmpdir(), "spam-"));
  try {
    const out = join(folder, "model");
    const { stdout } = await run(process.execPath, [
      join(examples, "spam.js"),
      "--limit",
      "160",
      "--epochs",
      "2",
      "--vocabulary",
      "600",
      "--max-length",
      "32",
      "--out",
      out,
    ]);
    const lines = stdout.trim().split("\n");
    assert.match(lines[0]!, /^accelerate-ts \d+\.\d+\.\d+ {3}1 process on cpu, \d+ threads?$/);
    assert.match(lines[1]!, /^spam filter: 128 e-mails to learn from, 32 to check, vocabulary \d+$/);
    assert.match(lines[2]!, /^epoch 1\/2 {2}accuracy [01]\.\d{4} {2}f1 [01]\.\d{4} {2}eval loss \d+\.\d{4} {2}\d+\.\d s$/);
    assert.match(lines[3]!, /^epoch 2\/2 /);
    assert.match(lines[4]!, /^saved .*\(Python: BertForSequenceClassification\.from_pretrained\(/);
    assert.match(lines[5]!, /^try it: npm run predict -- /);
    assert.equal(lines.length, 6, "results and nothing else on stdout");
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(out, file)), `${file} was saved`);

    const predicted = await run(process.execPath, [join(examples, "spam-predict.js"), "--model", out, "You have won a prize", "See you at four"]);
    assert.match(predicted.stdout, /^(spam|ham ) {2}\d+\.\d % {2}You have won a prize\n(spam|ham ) {2}\d+\.\d % {2}See you at four\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
