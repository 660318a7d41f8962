// A causal language model trained on any number of workers, for tests: what it does comes as JSON, what became of it goes to a file as JSON.
//   launch --num-processes N causal-lm.js '{"folder": "...", "out": "result.json", "batch": 4, "steps": 5}'
import { writeFile } from "node:fs/promises";
import { Accelerator } from "../../../src/accelerator/index.js";
import { DataLoader } from "../../../src/data/index.js";
import { GPT2LMHeadModel } from "../../../src/models/index.js";
import { AdamW } from "../../../src/optim/index.js";
import { tensor } from "../../../src/tensor/index.js";

export interface CausalSettings {
  readonly folder: string;
  readonly out: string;
  /** Rows per worker. */
  readonly batch: number;
  readonly steps: number;
}
export interface CausalResult {
  readonly losses: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly tied: boolean;
}

const settings = JSON.parse(process.argv[2]!) as CausalSettings;
await using accelerator = new Accelerator({ seed: 1 });
const rows = Array.from({ length: settings.steps * settings.batch * accelerator.numProcesses }, (_, row) =>
  Array.from({ length: 6 }, (_, place) => 1 + ((row * 7 + place * place * 3 + row * place) % 29)),
);
const loader = new DataLoader(rows, { batchSize: settings.batch, collateFn: (items) => ({ input_ids: tensor(items, { dtype: "int64" }) }) });
const model = await GPT2LMHeadModel.fromPretrained(settings.folder);
const optimizer = new AdamW(model.parameters(), { lr: 1e-2 });
await accelerator.prepare(model, optimizer, loader);
model.train();

const losses: number[] = [];
for await (const { input_ids } of loader) {
  const { loss } = model({ input_ids, labels: input_ids });
  await accelerator.backward(loss);
  const [mean] = await accelerator.reduce([loss], "mean");
  losses.push(await mean!.item());
  await optimizer.step();
  optimizer.zeroGrad();
}
const result: CausalResult = {
  losses,
  parameters: Object.fromEntries([...model.namedParameters()].map(([name, p]) => [name, [...p.values()]])),
  tied: model.lm_head.weight === model.transformer.wte.weight,
};
if (accelerator.isMainProcess) await writeFile(settings.out, JSON.stringify(result));
