// What an Accelerator adds to a step of a loop in one process: CPU time of all threads per step, plain and accelerated loops in turn, best of ten rounds.
//   node dist/bench/accelerator-overhead.js [--rounds 10] [--steps 300]
import { parseArgs } from "node:util";
import { Accelerator, AdamW, Engine, tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { machine } from "./machine.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "10" }, steps: { type: "string", default: "300" } } });
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
Engine.open({ threads: 1 });

interface Loop {
  run(steps: number): Promise<void>;
}

/** A small BERT, so that what is measured is not lost in what the model costs. */
async function loop(accelerator: Accelerator | undefined): Promise<Loop> {
  const config = bertConfig({
    vocab_size: 100,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 64,
    max_position_embeddings: 16,
  });
  const model = new BertForSequenceClassification(config);
  const optimizer = new AdamW(model.parameters(), { lr: 1e-4 });
  await accelerator?.prepare(model, optimizer);
  model.train();
  const input_ids = tensor([[1, 2, 3, 4]], { dtype: "int64" });
  const labels = tensor([1], { dtype: "int64" });
  return {
    async run(count) {
      for (let i = 0; i < count; i++) {
        const { loss } = model({ input_ids, labels });
        if (accelerator) await accelerator.backward(loss);
        else await loss.backward();
        await optimizer.step();
        optimizer.zeroGrad();
      }
    },
  };
}

const milliseconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;
async function perStep({ run }: Loop): Promise<number> {
  const before = process.cpuUsage();
  await run(steps);
  return milliseconds(process.cpuUsage(before)) / steps;
}

await using accelerator = new Accelerator();
const sides = { plain: await loop(undefined), accelerated: await loop(accelerator) };
for (const side of Object.values(sides)) await side.run(200);
const best = { plain: Number.POSITIVE_INFINITY, accelerated: Number.POSITIVE_INFINITY };
for (let round = 0; round < rounds; round++) {
  for (const name of ["plain", "accelerated"] as const) best[name] = Math.min(best[name], await perStep(sides[name]));
}
console.log(JSON.stringify(machine()));
console.log(
  `CPU time per step: plain ${best.plain.toFixed(3)} ms, accelerated ${best.accelerated.toFixed(3)} ms, added ${(best.accelerated - best.plain).toFixed(3)} ms (bound 0.2)`,
);
