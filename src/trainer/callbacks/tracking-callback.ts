// TrackingCallback: gives the log to the trackers that reportTo names.
import { hostname } from "node:os";
import { join } from "node:path";
import { mlflowSettings, wandbSettings } from "../../config.js";
import { AccelerateError } from "../../errors.js";
import type { InitOptions, Trackers } from "../../tracking/trackers.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { TrainerControl, TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { type CallbackContext, TrainerCallback } from "./trainer-callback.js";

/** eval_loss -> eval/loss, test_loss -> test/loss, loss -> train/loss. */
export function rewriteLogs<T>(logs: Readonly<Record<string, T>>): Record<string, T> {
  const renamed = (name: string): string => {
    const group = ["eval", "test"].find((prefix) => name.startsWith(`${prefix}_`));
    return group ? `${group}/${name.slice(group.length + 1)}` : `train/${name}`;
  };
  return Object.fromEntries(Object.entries(logs).map(([name, value]) => [renamed(name), value]));
}

/** What the Accelerator of a Trainer is told of trackers. */
export function trackingOptions({ reportTo, loggingDir, outputDir }: Pick<TrainingArguments, "reportTo" | "loggingDir" | "outputDir">): {
  readonly logWith: TrainingArguments["reportTo"];
  readonly loggingDir: string;
} {
  return { logWith: reportTo, loggingDir: loggingDir ?? join(outputDir, "runs") };
}

const two = (n: number): string => String(n).padStart(2, "0");
/** Of a run without a name: when and where it began, as "2026-11-22_18-04-09_host". */
function stamp(now = new Date()): string {
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  return `${day}_${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join("-")}_${hostname()}`;
}

/** The default of the argument. */
const anyProject = "huggingface";

/** Files of a run lie in a folder of its own, named for it; servers know it by project and name. Their variables (WANDB_PROJECT, MLFLOW_EXPERIMENT_NAME) count where the arguments name no project. */
function runOf({ project, runName, reportTo }: TrainingArguments): { readonly project: string; readonly options: InitOptions } {
  // Which trackers "all" are is not known yet: they are told the project alone.
  if (reportTo.includes("all")) return { project, options: {} };
  const projectOr = (variable: string | undefined): string => (project === anyProject ? (variable ?? project) : project);
  const { wandb, mlflow } = {
    wandb: { project: projectOr(wandbSettings().project), ...(runName === undefined ? {} : { name: runName }) },
    mlflow: { experimentName: projectOr(mlflowSettings().experimentName), ...(runName === undefined ? {} : { runName }) },
  };
  const initKwargs = { ...(reportTo.includes("wandb") ? { wandb } : {}), ...(reportTo.includes("mlflow") ? { mlflow } : {}) };
  return { project: runName?.replaceAll(/[/\\\0]/g, "-") || stamp(), options: { initKwargs } };
}

/** Trials of a search have runs of their own. */
const sinkOf = ({ trialRun, accelerator }: Trainer): Pick<Trackers, "initTrackers" | "log"> => trialRun?.trackers ?? accelerator;

const isState = (error: unknown): boolean => error instanceof AccelerateError && error.code === "ERR_TRACKER_STATE";

/**
 * Every Trainer whose `reportTo` names trackers has it. The run begins with the training, with the model's config and the arguments as its settings; it ends with the program, or with
 * `trainer.accelerator.endTraining()`, so that evaluations after the training belong to it; of a search each trial is a run, which ends with the trial. Of several TrackingCallbacks the first one reports.
 *
 * @example
 * const args = new TrainingArguments("out", { reportTo: ["tensorboard"], runName: "first" }); // files in out/runs/first
 * const trainer = new Trainer({ model, args, trainDataset });
 * await trainer.train();
 * await trainer.accelerator.endTraining();
 */
export class TrackingCallback extends TrainerCallback {
  #begun: object | undefined;

  override async onTrainBegin(args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { trainer }: CallbackContext): Promise<void> {
    await this.#begin(args, trainer);
  }
  override async onLog(args: TrainingArguments, state: TrainerState, _control: TrainerControl, { trainer, logs = {} }: CallbackContext): Promise<void> {
    if (!(await this.#begin(args, trainer))) return;
    try {
      await sinkOf(trainer).log(rewriteLogs(logs), { step: state.globalStep });
    } catch (error) {
      // The program has ended the run itself.
      if (!isState(error)) throw error;
    }
  }

  /** @returns whether there is anything to report to, by this callback */
  async #begin(args: TrainingArguments, trainer: Trainer): Promise<boolean> {
    if (args.reportTo.length === 0 || trainer.callbackHandler.callbacks.find((callback) => callback instanceof TrackingCallback) !== this) return false;
    const sink = sinkOf(trainer);
    if (this.#begun === sink) return true;
    this.#begun = sink;
    const { config } = trainer.model as { readonly config?: Readonly<Record<string, unknown>> };
    const { project, options } = runOf(args);
    try {
      await sink.initTrackers(project, { ...config, ...args.toJSON() }, options);
    } catch (error) {
      // The program has begun the run itself.
      if (!isState(error)) throw error;
    }
    return true;
  }
}
