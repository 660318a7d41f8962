// The model of a Trainer as a folder that fromPretrained and Python's transformers load, and the state of the training beside it.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveWeights } from "../../accelerator/saving/save-model.js";
import { writing } from "../../accelerator/saving/write-errors.js";
import { ArgumentError } from "../../errors.js";
import { writeWhole } from "../../unfinished.js";
import type { ProcessingClass } from "../options.js";
import type { Trainer } from "../trainer.js";
import { fileNames } from "./names.js";

/** The tokenizer to save beside the model: the processing class, or the one that the collator pads with. */
function tokenizerOf({ processingClass, dataCollator }: Trainer): ProcessingClass | undefined {
  if (processingClass) return processingClass;
  const { tokenizer } = dataCollator as { readonly tokenizer?: Partial<ProcessingClass> };
  return typeof tokenizer?.savePretrained === "function" ? (tokenizer as ProcessingClass) : undefined;
}

export const savesFiles = ({ args, accelerator }: Trainer): boolean => args.shouldSave(accelerator);

async function writeModel(trainer: Trainer, directory: string): Promise<void> {
  if (!savesFiles(trainer)) return;
  await writing(directory, async () => {
    await mkdir(directory, { recursive: true });
    await saveWeights(trainer.model, directory);
    await tokenizerOf(trainer)?.savePretrained(directory);
    await writeWhole(join(directory, fileNames.args), `${trainer.args.toJsonString()}\n`);
  });
}

/** Trainers whose checkpoint is being filled: workers agree when all of it is written, so that a `saveModel` may do nothing on some of them, or fail. */
const filling = new WeakSet<Trainer>();

/** `trainer.saveModel`, with what a subclass has made of it, as a part of a checkpoint. */
export async function fillWithModel(trainer: Trainer, directory: string): Promise<void> {
  filling.add(trainer);
  try {
    await trainer.saveModel(directory);
  } finally {
    filling.delete(trainer);
  }
}

/**
 * Weights, config, tokenizer and training_args.json, written by the main process (with saveOnEachNode the first of each host); returns on all workers when they are there.
 * @throws AccelerateError ERR_SAVE where the system refuses
 */
export async function saveModel(trainer: Trainer, directory: string): Promise<void> {
  if (typeof directory !== "string" || directory === "")
    throw new ArgumentError(`Trainer.saveModel: the folder is ${JSON.stringify(directory)}`, { hint: "give its path, or nothing for outputDir" });
  if (filling.has(trainer)) await writeModel(trainer, directory);
  else await trainer.accelerator.checkpoints.together("saveModel", () => writeModel(trainer, directory));
}

/** trainer_state.json in `outputDir`, written by the main process. */
export async function saveState({ args, state, accelerator }: Trainer): Promise<void> {
  await accelerator.checkpoints.together("saveState", async () => {
    if (!args.shouldSave(accelerator)) return;
    await writing(args.outputDir, async () => {
      await mkdir(args.outputDir, { recursive: true });
      await state.saveToJson(join(args.outputDir, fileNames.state));
    });
  });
}
