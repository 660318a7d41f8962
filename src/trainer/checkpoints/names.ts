// The names of checkpoints and of what is in them.
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";

/** Files of a checkpoint that the Trainer writes, beside those of the model, the tokenizer and the Accelerator. */
export const fileNames = {
  state: "trainer_state.json",
  args: "training_args.json",
  /** Where the run stands in its data. */
  position: "position.json",
  /** Of the Accelerator: there unless only the model was saved. */
  run: "state.json",
  manifest: "manifest.json",
} as const;

/** Numbers have no leading zeros: "checkpoint-07" is somebody else's. */
const pattern = /^checkpoint-(0|[1-9]\d*)$/;

export interface StepCheckpoint {
  readonly step: number;
  readonly directory: string;
}

export const checkpointDirectory = (outputDir: string, step: number): string => join(outputDir, `checkpoint-${step}`);
/** The step of a directory's name; undefined: it is none of a checkpoint. */
export const stepOf = (directory: string): number | undefined => {
  const digits = pattern.exec(basename(directory))?.[1];
  return digits === undefined ? undefined : Number(digits);
};

/** The checkpoints of a folder by their steps, the first one first; links to folders are some, too. None where there is no such folder. @throws what the system says of a folder that cannot be read */
export function checkpointsIn(folder: string): StepCheckpoint[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const directory = join(folder, entry.name);
    const step = stepOf(entry.name);
    const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true);
    return step === undefined || !isFolder ? [] : [{ step, directory }];
  });
  return found.sort((a, b) => a.step - b.step);
}
