// The model of a Trainer as a folder that fromPretrained and Python's transformers load, and the state of the training beside it.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { saveWeights } from "../../accelerator/saving/save-model.js";
import { writing } from "../../accelerator/saving/write-errors.js";
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

/**
 * Weights, config, tokenizer and training_args.json, written by the main process (with saveOnEachNode the first of each host); returns on all workers when they are there.
 * @throws AccelerateError ERR_SAVE where the system refuses
 */
export async function saveModel(trainer: Trainer, directory: string): Promise<void> {
  await trainer.accelerator.checkpoints.together("saveModel", async () => {
    if (!savesFiles(trainer)) return;
    await writing(directory, async () => {
      await mkdir(directory, { recursive: true });
      await saveWeights(trainer.model, directory);
      await tokenizerOf(trainer)?.savePretrained(directory);
      await writeWhole(join(directory, fileNames.args), `${trainer.args.toJsonString()}\n`);
    });
  });
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
