// The folder of a run: there, and writable, before the first step is made.
import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { CheckpointError } from "../../checkpoint/index.js";
import { writeAdvice } from "../../write-advice.js";
import type { Trainer } from "../trainer.js";
import { savesFiles } from "./model-files.js";

async function ready(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (cause) {
    const isFile = (await stat(directory).catch(() => undefined))?.isFile() ?? false;
    throw new CheckpointError("ERR_CHECKPOINT_WRITE", `outputDir ${directory} ${isFile ? "is a file" : `cannot be written to (${(cause as Error).message})`}`, {
      cause,
      hint: isFile ? "give the path of a folder" : (writeAdvice(cause) ?? "give another place"),
    });
  }
}

/** Makes `outputDir` where the training will save there. @throws CheckpointError ERR_CHECKPOINT_WRITE, on all workers */
export async function prepareOutputDir(trainer: Trainer): Promise<void> {
  const { args, accelerator } = trainer;
  if (args.saveStrategy === "no") return;
  await accelerator.checkpoints.together("train", () => (savesFiles(trainer) ? ready(args.outputDir) : undefined));
}
