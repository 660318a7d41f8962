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
import { launched, lines, type Start } from "./launched.js";

const run = promisify(execFile);
const one: Start = (args) => run(process.execPath, [...args]);
const examples = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "examples");

for (const [crew, start] of [
  ["one process", one],
  ["two workers", launched(2)],
] as const)
  test(`the spam filter trains with ${crew}, reports every epoch, saves a model, and the model classifies`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "spam-"));
    try {
      const out = join(folder, "model");
      const { stdout, stderr } = await start([
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
      const shown = lines(stdout);
      // Of its workers the launcher tells.
      const banner = start === one ? shown.shift() : stderr.split("\n", 1)[0];
      assert.match(banner!, /^accelerate-ts \d+\.\d+\.\d+ {3}(1 process|2 workers) on cpu, \d+ threads?( each)?$/);
      assert.match(shown[0]!, /^spam filter: 128 e-mails to learn from, 32 to check, vocabulary \d+$/);
      assert.match(shown[1]!, /^epoch 1\/2 {2}accuracy [01]\.\d{4} {2}f1 [01]\.\d{4} {2}eval loss \d+\.\d{4} {2}\d+\.\d s$/);
      assert.match(shown[2]!, /^epoch 2\/2 /);
      assert.match(shown[3]!, /^saved .*\(Python: BertForSequenceClassification\.from_pretrained\(/);
      assert.match(shown[4]!, /^try it: npm run predict -- /);
      assert.equal(shown.length, 5, "results and nothing else on stdout");
      for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(out, file)), `${file} was saved`);

      const predicted = await run(process.execPath, [join(examples, "spam-predict.js"), "--model", out, "You have won a prize", "See you at four"]);
      assert.match(predicted.stdout, /^(spam|ham ) {2}\d+\.\d % {2}You have won a prize\n(spam|ham ) {2}\d+\.\d % {2}See you at four\n$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
