// Trains a small BERT with dropout by the Trainer, as a job that may be killed or stopped on the way: run again it goes on.
//   launch --num-processes N checkpointed.js '{"out": ..., "outputDir": ..., ...}'
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { type ModelInputs, type TrainableModel, Trainer, TrainerCallback, TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { tinyBert, tinyCollate, type TinyRow, tinyRows } from "../support.js";

export interface CheckpointedSettings {
  /** Where the result is written. */
  readonly out: string;
  readonly outputDir: string;
  readonly args: TrainingArgumentsOptions;
  readonly rows: number;
  readonly resume?: string | boolean;
  readonly evaluates?: boolean;
  /** The process of this rank kills itself at the n-th moment of all that checkpoints are made of. */
  readonly dieAt?: { readonly rank: number; readonly moment: number };
  /** After that step a signal is sent, to the launcher or to this process. */
  readonly signalAt?: { readonly step: number; readonly signal: NodeJS.Signals; readonly to: "launcher" | "self" };
}
export interface CheckpointedResult {
  readonly globalStep: number;
  readonly maxSteps: number;
  readonly trainingLoss: number;
  /** Rows of each micro-batch of all workers, in order. */
  readonly rows: readonly (readonly number[])[];
  readonly history: readonly Readonly<Record<string, number>>[];
  readonly parameters: string;
  readonly moments: number;
  readonly best: string | null;
}

const settings = JSON.parse(process.argv[2]!) as CheckpointedSettings;
const { out, outputDir, dieAt, signalAt } = settings;

type Row = TinyRow & { readonly index: number };
const data = (count: number): Row[] => tinyRows(count).map((row, index) => ({ ...row, index }));
const collate = (rows: readonly Row[]) => ({ ...tinyCollate(rows), index: BigInt64Array.from(rows.map((row) => BigInt(row.index))) });

const seen: number[][] = [];
class Recording extends Trainer<Row> {
  override async trainingStep(model: TrainableModel, { index, ...inputs }: ModelInputs, items: number | undefined): Promise<number> {
    const own = [...(index as unknown as BigInt64Array)].map(Number);
    seen.push((await this.accelerator.gatherObject([own])).flat());
    return super.trainingStep(model, inputs, items);
  }
}

class Signals extends TrainerCallback {
  override onStepEnd(_args: unknown, state: { readonly globalStep: number }): void {
    if (signalAt?.step !== state.globalStep) return;
    if (signalAt.to === "self") process.kill(process.pid, signalAt.signal);
    else if (trainer.isWorldProcessZero()) process.kill(process.ppid, signalAt.signal);
  }
}

const trainer = new Recording({
  model: tinyBert({ dropout: 0.3 }),
  args: new TrainingArguments(outputDir, { disableTqdm: true, reportTo: "none", removeUnusedColumns: false, learningRate: 1e-2, ...settings.args }),
  trainDataset: data(settings.rows),
  ...(settings.evaluates ? { evalDataset: tinyRows(6, 5) as never } : {}),
  dataCollator: ((rows: readonly Row[]) => (rows[0]?.index === undefined ? tinyCollate(rows) : collate(rows))) as never,
  callbacks: [new Signals()],
});

let moments = 0;
const { accelerator } = trainer;
accelerator.checkpoints.onPoint = () => {
  if (dieAt?.rank === accelerator.processIndex && dieAt.moment === moments) process.kill(process.pid, "SIGKILL");
  moments++;
};

const { globalStep, trainingLoss } = await trainer.train(settings.resume === undefined ? {} : { resumeFromCheckpoint: settings.resume });
const hash = createHash("sha256");
for (const [name, p] of trainer.model.namedParameters()) hash.update(name).update(p.values() as Float32Array);
const result: CheckpointedResult = {
  globalStep,
  maxSteps: trainer.state.maxSteps,
  trainingLoss,
  rows: seen,
  history: trainer.state.logHistory,
  parameters: hash.digest("hex"),
  moments,
  best: trainer.state.bestModelCheckpoint ?? null,
};
if (trainer.isWorldProcessZero()) writeFileSync(out, JSON.stringify(result));
