// How long a training step waits for its batch: rows like MRPC's, read from a Dataset and padded to the longest of 8, and a step of 50 ms that leaves the program's thread free (as a step of the engine
// does) or keeps it busy. Prints what loader.stats() counts, without threads and with them.
//   node dist/bench/loader-wait.js [--steps 120] [--step-ms 50] [--batch 8] [--workers 0,1,2] [--mask]     --mask: with the collator of masked language models, whose batches cost more
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { DataCollatorForLanguageModeling, DataCollatorWithPadding, DataLoader, Dataset } from "accelerate-ts";
import { machine } from "./machine.js";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "120" },
    "step-ms": { type: "string", default: "50" },
    batch: { type: "string", default: "8" },
    workers: { type: "string", default: "0,1,2" },
    mask: { type: "boolean", default: false },
  },
});
const [steps, stepMs, batchSize] = [Number(values.steps), Number(values["step-ms"]), Number(values.batch)];

// 25 to 103 tokens, as the pairs of MRPC have them.
const rows = Array.from({ length: 3668 }, (_, i) => {
  const tokens = 25 + ((i * 7919) % 79);
  return {
    input_ids: Array.from({ length: tokens }, (_, k) => (i + k * 31) % 30522),
    token_type_ids: new Array<number>(tokens).fill(0),
    attention_mask: new Array<number>(tokens).fill(1),
    labels: i % 2,
  };
});
const data = Dataset.fromRows(rows);
const tokenizer = { padTokenId: 0, clsTokenId: 101, sepTokenId: 102, maskTokenId: 103, vocabSize: 30522 };
const collateFn = values.mask ? new DataCollatorForLanguageModeling(tokenizer, { seed: 1 }) : new DataCollatorWithPadding(tokenizer);
const step: Readonly<Record<string, () => unknown>> = {
  free: () => sleep(stepMs),
  busy: () => {
    const end = performance.now() + stepMs;
    while (performance.now() < end);
  },
};

const results = [];
for (const numWorkers of values.workers.split(",").map(Number)) {
  for (const [thread, body] of Object.entries(step)) {
    await using loader = new DataLoader(data, { batchSize, shuffle: true, seed: 1, collateFn, ...(numWorkers > 0 ? { numWorkers } : {}) });
    let made = 0;
    for await (const _ of loader) {
      await body();
      if (++made === steps) break;
    }
    const { batches, waitedMs, firstWaitedMs, waitedShare } = loader.stats();
    const digits = (value: number, by: number) => Math.round(value * by) / by;
    results.push({
      numWorkers,
      thread,
      batches,
      waited_ms: digits(waitedMs, 10),
      first_ms: digits(firstWaitedMs, 10),
      waited_percent: digits(100 * waitedShare, 100),
      // Without the first batch, with which threads start.
      later_percent: digits((100 * (waitedMs - firstWaitedMs)) / (waitedMs - firstWaitedMs + (batches - 1) * stepMs), 100),
    });
    console.error(results.at(-1));
  }
}
console.log(JSON.stringify({ ...machine(), stepMs, batchSize, results }));
