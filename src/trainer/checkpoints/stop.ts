// SIGTERM, or what else a batch system says before it ends a job: after the step that runs, a checkpoint is saved on all workers and the programs end with 0.
import type { Trainer } from "../trainer.js";
import type { StoppedError } from "../../accelerator/index.js";
import { checkpointDirectory } from "./names.js";
import { isSaved, saveCheckpoint } from "./save.js";
import { tell } from "./tell.js";

/** Signals after which the run is to go on another time. Ctrl-C is not among them: it ends a run. */
const savingSignals: ReadonlySet<string> = new Set(["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"]);

/** Listens while training: a second SIGTERM ends the process at once, as without a listener. One that came behind the last step is told: the program goes on. */
export function listenForStop(trainer: Trainer): Disposable {
  let asked = false;
  const ask = (): void => {
    asked = true;
    trainer.accelerator.requestStop("SIGTERM");
  };
  if (trainer.args.enableJitCheckpoint) process.once("SIGTERM", ask);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGTERM", ask);
      if (asked) tell(trainer, "SIGTERM came when the last step was made: the training is over, and the program goes on; another one ends it");
    },
  };
}

/**
 * After a step, on all workers: does not return where one of those signals has reached one of them.
 * @throws CheckpointError when the checkpoint cannot be written
 */
export async function stopIfAsked(trainer: Trainer): Promise<void> {
  const { accelerator, args, state } = trainer;
  if (!accelerator.signal.aborted || !args.enableJitCheckpoint) return;
  // Workers that learn of it by the step do not know who asked.
  const reasons = await accelerator.checkpoints.together("train", () => (accelerator.signal.reason as StoppedError).reason ?? null);
  const reason = reasons.find((given) => given !== null && savingSignals.has(given));
  if (reason === undefined) return;
  const directory = checkpointDirectory(args.outputDir, state.globalStep);
  // A checkpoint of this very step has just been written.
  if (!isSaved(trainer)) {
    await saveCheckpoint(trainer);
    await trainer.callEvent("onSave");
  }
  await trainer.callEvent("onTrainEnd");
  accelerator.stopIsSaved();
  if (trainer.isWorldProcessZero())
    console.error(
      `accelerate-ts: ${reason}: saved ${directory} after step ${state.globalStep} of ${state.maxSteps}; train({ resumeFromCheckpoint: true }) goes on from there`,
    );
  await accelerator.close();
  process.exit(0);
}
