// Which checkpoint a training goes on from: the one that is named, or the newest that is whole; the same on all workers.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { CheckpointError, sweep, verifyCheckpoint } from "../../checkpoint/index.js";
import { ArgumentError } from "../../errors.js";
import { indexName, weightsName } from "../../safetensors/index.js";
import { TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { savesFiles } from "./model-files.js";
import { checkpointDirectory, checkpointsIn, fileNames } from "./names.js";
import { tell } from "./tell.js";

const weightFiles = [weightsName, indexName, "pytorch_model.bin", "pytorch_model.bin.index.json"];
const has = (directory: string, name: string): boolean => existsSync(join(directory, name));

/** Whether transformers wrote it: it has no manifest, and nothing that only we write. */
export const isForeign = (directory: string): boolean => !has(directory, fileNames.manifest) && !has(directory, fileNames.position);

/**
 * Reads every byte of a checkpoint of ours; of one that transformers wrote, that what is needed is there.
 * @throws CheckpointError ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_VERSION
 */
export async function checkCheckpoint(directory: string): Promise<void> {
  if (!isForeign(directory)) return void (await verifyCheckpoint(directory));
  const lacks = !has(directory, fileNames.state) ? fileNames.state : weightFiles.some((name) => has(directory, name)) ? undefined : weightsName;
  if (lacks)
    throw new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${directory} has no ${lacks}`, { hint: "it is no checkpoint of a Trainer, or not a whole one" });
  await TrainerState.loadFromJson(join(directory, fileNames.state));
}

/** Empty when a checkpoint is whole. */
async function verdict(directory: string): Promise<string> {
  try {
    await checkCheckpoint(directory);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The newest whole checkpoint of a folder, by its step; undefined where there is none.
 *
 * @example
 * const last = await getLastCheckpoint("out"); // "out/checkpoint-1500"
 */
export async function getLastCheckpoint(folder: string): Promise<string | undefined> {
  for (const { directory } of checkpointsIn(folder).reverse()) if ((await verdict(directory)) === "") return directory;
  return undefined;
}

const none = (folder: string): CheckpointError =>
  new CheckpointError("ERR_CHECKPOINT_NOT_FOUND", `resumeFromCheckpoint: there is no checkpoint in ${folder}`, {
    hint: "leave resumeFromCheckpoint out to begin anew, or give the path of a checkpoint",
  });

/** Rank 0 sees which there are; every host looks at its own files where they are its own. */
async function newest(trainer: Trainer): Promise<string> {
  const { accelerator, args } = trainer;
  const folder = args.outputDir;
  const [all] = await accelerator.checkpoints.together("train", async () => {
    if (savesFiles(trainer) && existsSync(folder)) await sweep(folder, accelerator.checkpoints.host);
    return checkpointsIn(folder)
      .map(({ step }) => step)
      .reverse();
  });
  if (all!.length === 0) throw none(folder);
  const reasons: string[] = [];
  for (const step of all!) {
    const directory = checkpointDirectory(folder, step);
    const found = await accelerator.checkpoints.together("train", () => (savesFiles(trainer) ? verdict(directory) : ""));
    const reason = found.find((text) => text !== "");
    if (reason === undefined) return directory;
    reasons.push(reason);
    tell(trainer, `${directory} was passed over: ${reason}`);
  }
  throw new CheckpointError(
    "ERR_CHECKPOINT_DAMAGED",
    `resumeFromCheckpoint: none of the ${all!.length} checkpoints in ${folder} can be loaded: ${reasons[0]}`,
    {
      hint: "move them away to begin anew",
    },
  );
}

async function named(trainer: Trainer, directory: string): Promise<string> {
  await trainer.accelerator.checkpoints.together("train", async () => {
    if (!existsSync(directory)) {
      const others = checkpointsIn(resolve(directory, "..")).map(({ step }) => `checkpoint-${step}`);
      throw new CheckpointError("ERR_CHECKPOINT_NOT_FOUND", `resumeFromCheckpoint: there is no ${directory}`, {
        hint: others.length > 0 ? `there are ${others.join(", ")} beside it` : "leave resumeFromCheckpoint out to begin anew",
      });
    }
    if (savesFiles(trainer)) await checkCheckpoint(directory);
  });
  return directory;
}

/**
 * The directory to go on from; undefined: a training that begins. A damaged checkpoint is passed over with a line that says why, unless it was named.
 * @throws CheckpointError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_VERSION, on all workers
 */
export async function chosenCheckpoint(trainer: Trainer, option: string | boolean | undefined): Promise<string | undefined> {
  const wanted = option ?? trainer.args.resumeFromCheckpoint;
  if (wanted === undefined || wanted === false || wanted === null) return undefined;
  if (wanted === true) return newest(trainer);
  if (typeof wanted === "string" && wanted !== "") return named(trainer, wanted);
  throw new ArgumentError(`resumeFromCheckpoint is ${JSON.stringify(wanted)}`, { hint: "give the path of a checkpoint, true for the newest one, or false" });
}
