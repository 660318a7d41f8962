// Trains a small BERT with dropout by the Trainer, as a job that may be killed or stopped on the way: run again it goes on.
//   launch --num-processes N checkpointed.js '{"out": ..., "outputDir": ..., ...}'
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import {
  getLastCheckpoint,
  type ModelInputs,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { configuredWorker } from "../../../src/config.js";
import { openWorkerLink } from "../../../src/control/worker-link.js";
import { tinyBert, tinyCollate, type TinyRow, tinyRows } from "../support.js";

export interface CheckpointedSettings {
  /** Where the result is written. */
  readonly out: string;
  readonly outputDir: string;
  /** Each host has a folder of its own. */
  readonly hostDirs?: boolean;
  readonly args: TrainingArgumentsOptions;
  readonly rows: number;
  /** "newest": from the newest checkpoint if there is one. */
  readonly resume?: string | boolean;
  /** The process of this rank kills itself at the n-th moment of all: micro-batches, events, and what checkpoints are made of. */
  readonly dieAt?: { readonly rank: number; readonly moment: number };
  /** The trainer's saveModel does nothing on workers other than the main process. */
  readonly mainSaves?: boolean;
  /** After that step a signal is sent, to the launcher or to this process; the step waits until it has come. */
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
}

const settings = JSON.parse(process.argv[2]!) as CheckpointedSettings;
const { out, dieAt, signalAt } = settings;
const outputDir = settings.hostDirs ? `${settings.outputDir}-${process.env.GROUP_RANK}` : settings.outputDir;

type Row = TinyRow & { readonly index: number };

const seen: number[][] = [];
let moments = 0;
/** A moment in the run at which it may be killed. */
const moment = (rank: number): void => {
  if (dieAt?.rank === rank && dieAt.moment === moments) process.kill(process.pid, "SIGKILL");
  moments++;
};

class Recording extends Trainer<Row> {
  override async trainingStep(model: TrainableModel, { index, ...inputs }: ModelInputs, items: number | undefined): Promise<number> {
    const own = [...(index as unknown as BigInt64Array)].map(Number);
    seen.push((await this.accelerator.gatherObject([own])).flat());
    moment(this.accelerator.processIndex);
    return super.trainingStep(model, inputs, items);
  }
  override async saveModel(directory?: string): Promise<void> {
    if (!settings.mainSaves || this.isWorldProcessZero()) await super.saveModel(directory);
  }
  override async callEvent(...event: Parameters<Trainer["callEvent"]>): Promise<void> {
    moment(this.accelerator.processIndex);
    await super.callEvent(...event);
  }
}

/** Resolves when this worker has heard of the stop: from its launcher, or by the signal itself. */
async function asked(): Promise<void> {
  // Listening alone keeps no process alive.
  const hold = setInterval(() => {}, 1000);
  const worker = configuredWorker();
  const link = worker?.controlFd === undefined ? undefined : await openWorkerLink(worker);
  await new Promise<void>((resolve) => (link ? link.on("stop", () => resolve()) : process.once("SIGTERM", () => resolve())));
  clearInterval(hold);
}
class Signals extends TrainerCallback {
  override async onStepEnd(_args: unknown, state: { readonly globalStep: number }): Promise<void> {
    if (signalAt?.step !== state.globalStep) return;
    const heard = asked();
    if (signalAt.to === "self") process.kill(process.pid, signalAt.signal);
    else if (trainer.isWorldProcessZero()) process.kill(process.ppid, signalAt.signal);
    await heard;
  }
}

const trainer = new Recording({
  model: tinyBert({ dropout: 0.3 }),
  args: new TrainingArguments(outputDir, { disableTqdm: true, reportTo: "none", removeUnusedColumns: false, learningRate: 1e-2, ...settings.args }),
  trainDataset: tinyRows(settings.rows).map((row, index): Row => ({ ...row, index })),
  dataCollator: ((rows: readonly Row[]) => ({ ...tinyCollate(rows), index: BigInt64Array.from(rows.map((row) => BigInt(row.index))) })) as never,
  callbacks: [new Signals()],
});
trainer.accelerator.checkpoints.onPoint = () => moment(trainer.accelerator.processIndex);

const resumeFromCheckpoint = settings.resume === "newest" ? ((await getLastCheckpoint(outputDir)) ?? false) : settings.resume;
const { globalStep, trainingLoss } = await trainer.train({ resumeFromCheckpoint });
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
};
if (trainer.isWorldProcessZero()) writeFileSync(out, JSON.stringify(result));
