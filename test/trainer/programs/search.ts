// Searches on several workers, each of which writes what it has found: launch --num-processes N search.js '{"out": ..., "outputDir": ...}'
import { writeFileSync } from "node:fs";
import { type BestRun, type SearchBackend, Trainer, TrainerCallback, TrainingArguments } from "accelerate-ts/trainer";
import { tinyBert, tinyCollate, tinyDataset } from "../support.js";

export interface SearchResult {
  readonly best: BestRun;
  /** By trial: what the arguments were, and the names of the weights' trials as modelInit saw them. */
  readonly rates: readonly number[];
  readonly drawnHere: number;
  readonly told: readonly number[];
  readonly failed: string;
  readonly ended: string;
}

const { out, outputDir } = JSON.parse(process.argv[2]!) as { readonly out: string; readonly outputDir: string };
const rates: number[] = [];
const told: number[] = [];
let drawnHere = 0;

class Rates extends TrainerCallback {
  override onTrainBegin(args: TrainingArguments): void {
    rates.push(args.learningRate);
  }
}
const trainer = new Trainer({
  modelInit: () => tinyBert(),
  args: new TrainingArguments(outputDir, {
    disableTqdm: true,
    perDeviceTrainBatchSize: 2,
    evalStrategy: "steps",
    evalSteps: 2,
    saveStrategy: "no",
    maxSteps: 4,
    logLevel: "error",
  }),
  trainDataset: tinyDataset(24),
  evalDataset: tinyDataset(8, 3),
  dataCollator: tinyCollate,
  callbacks: [Rates],
});
const rank = trainer.accelerator.processIndex;
// Only the first worker may ask it.
const backend: SearchBackend = {
  suggest: (_name, distribution, number) => {
    drawnHere++;
    return distribution.kind === "float" ? distribution.low + (number / 10) * (distribution.high - distribution.low) : null;
  },
  tell: ({ number }) => void told.push(number),
};
const hpSpace = (trial: { suggestFloat(name: string, low: number, high: number): number }) => ({
  learning_rate: trial.suggestFloat("learning_rate", 1e-4, 1e-2),
});
// The second of three trials is ended by the first worker's pruner.
const best = await trainer.hyperparameterSearch({
  hpSpace,
  nTrials: 3,
  backend,
  pruner: { shouldPrune: ({ number }) => rank === 0 && number === 1 },
});

const nameOf = (error: unknown): string => `${(error as { code?: unknown }).code}: ${(error as Error).message}`;
const failed = await trainer
  .hyperparameterSearch({
    hpSpace: () => {
      throw new Error("nothing to draw");
    },
  })
  .then(() => "", nameOf);
const stop = new AbortController();
let steps = 0;
class Stops extends TrainerCallback {
  override onStepEnd(): void {
    if (rank === 1 && ++steps === 3) stop.abort(new Error("enough"));
  }
}
trainer.addCallback(Stops);
const ended = await trainer.hyperparameterSearch({ hpSpace, ...(rank === 1 && { signal: stop.signal }) }).then(
  () => "",
  (error: Error) => `${error.message} (step ${trainer.state.globalStep})`,
);
const result: SearchResult = { best, rates, drawnHere, told, failed, ended };
writeFileSync(`${out}-${rank}.json`, JSON.stringify(result));
