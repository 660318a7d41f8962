// What estimate-memory says, against what real steps hold in the end.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { findSubject } from "../../launcher/estimate/find.js";
import { estimate } from "../../launcher/estimate/report.js";
import { launch } from "../support/launch.js";

const root = mkdtempSync(join(tmpdir(), "estimate-measured-"));
after(() => rmSync(root, { recursive: true }));
const script = new URL("./fixtures/measured-steps.js", import.meta.url);
/** Most that an estimate may be off. */
const tolerance = 0.1;

const tiny = { vocab_size: 30522, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512 };
const miniLm = { vocab_size: 30522, hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, intermediate_size: 1536 };
const cases = [
  { name: "BERT tiny", config: tiny, workers: 1, batchSize: 64, sequenceLength: 128 },
  { name: "BERT tiny", config: tiny, workers: 1, batchSize: 16, sequenceLength: 512 },
  { name: "MiniLM", config: miniLm, workers: 1, batchSize: 8, sequenceLength: 128 },
  { name: "MiniLM", config: miniLm, workers: 1, batchSize: 32, sequenceLength: 64 },
  { name: "MiniLM", config: miniLm, workers: 2, batchSize: 8, sequenceLength: 128 },
] as const;

describe("the estimate of a training step", { skip: existsSync("/proc/self/smaps_rollup") ? false : "there is no /proc/self/smaps_rollup" }, () => {
  for (const { name, config, workers, batchSize, sequenceLength } of cases) {
    it(`of ${name}, ${batchSize} x ${sequenceLength}, on ${workers} worker${workers > 1 ? "s" : ""} is within ${100 * tolerance} % of what is held`, async (t) => {
      writeFileSync(join(root, "config.json"), JSON.stringify({ ...config, model_type: "bert", architectures: ["BertForSequenceClassification"] }));
      const { steps } = estimate(await findSubject(root, {}), {
        dtypes: ["float32"],
        batchSizes: [batchSize],
        sequenceLengths: [sequenceLength],
        optimizer: "adamw",
        numProcesses: workers,
        zero: 1,
        device: "cpu",
        mode: "training",
        gradientAccumulationSteps: 1,
      });
      const { code, stdout, stderr } = await launch({
        options: ["-n", String(workers)],
        script,
        args: [JSON.stringify(config), String(batchSize), String(sequenceLength)],
      });
      assert.equal(code, 0, stderr);
      const { bytes } = JSON.parse(stdout.replace(/^\[0\] /, "")) as { bytes: number };
      const off = steps[0]!.machine.total / bytes - 1;
      t.diagnostic(`estimated ${steps[0]!.machine.total}, held ${bytes} bytes: ${(100 * off).toFixed(1)} %`);
      assert.ok(Math.abs(off) <= tolerance, `${(100 * off).toFixed(1)} %`);
    });
  }
});
