// README.md of a trained model: what it was trained from, how, and with which results.
import { mkdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { writing } from "../../accelerator/saving/write-errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { writeWhole } from "../../unfinished.js";
import { version } from "../../version.js";
import { isSpeed } from "../display/names.js";
import type { Trainer } from "../trainer.js";
import { savesFiles } from "./model-files.js";

export interface ModelCardOptions {
  /** Default: the name of outputDir. */
  readonly modelName?: string | undefined;
  /** Of the model that training began with. */
  readonly finetunedFrom?: string | undefined;
  readonly language?: string | undefined;
  readonly license?: string | undefined;
  readonly tags?: string | readonly string[] | undefined;
  /** Names of the data. */
  readonly dataset?: string | readonly string[] | undefined;
}

const optionNames: OptionNames<ModelCardOptions> = { modelName: true, finetunedFrom: true, language: true, license: true, tags: true, dataset: true };

const listOf = (value: string | readonly string[] | undefined): readonly string[] => (value === undefined ? [] : typeof value === "string" ? [value] : value);

function header({ modelName, finetunedFrom, language, license, tags, dataset }: ModelCardOptions): string {
  const lines: string[] = [];
  const text = (name: string, value: string | undefined): void => void (value !== undefined && lines.push(`${name}: ${JSON.stringify(value)}`));
  const list = (name: string, values: readonly string[]): void =>
    void (values.length > 0 && lines.push(`${name}:`, ...values.map((v) => `- ${JSON.stringify(v)}`)));
  lines.push("library_name: transformers");
  text("language", language);
  text("license", license);
  text("base_model", finetunedFrom);
  list("tags", ["generated_from_trainer", ...listOf(tags)]);
  list("datasets", listOf(dataset));
  lines.push("model-index:", `- name: ${JSON.stringify(modelName)}`, "  results: []");
  return lines.join("\n");
}

type Row = Readonly<Record<string, number>>;
const number = (value: number | undefined): string => (value === undefined ? "No log" : Number.isInteger(value) ? String(value) : value.toFixed(4));

/** One line for each evaluation, with the training loss that was logged last. */
function results(history: readonly Row[]): string {
  const evaluations: Row[] = [];
  let loss: number | undefined;
  for (const row of history) {
    if ("loss" in row) loss = row.loss;
    if ("eval_loss" in row) evaluations.push({ ...row, ...(loss === undefined ? {} : { trainingLoss: loss }) });
  }
  if (evaluations.length === 0) return "";
  const names = Object.keys(evaluations.at(-1)!).filter((name) => name.startsWith("eval_") && name !== "eval_loss" && !isSpeed(name));
  const title = (name: string): string => name.slice(5).replace(/^./, (c) => c.toUpperCase());
  const head = ["Training Loss", "Epoch", "Step", "Validation Loss", ...names.map(title)];
  const lines = evaluations.map((row) => [row.trainingLoss, row.epoch, row.step, row.eval_loss, ...names.map((name) => row[name])].map(number));
  return ["### Training results", "", ...[head, head.map(() => ":---:"), ...lines].map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

function hyperparameters({ args, accelerator }: Trainer): string {
  const { numProcesses } = accelerator;
  const total = args.perDeviceTrainBatchSize * args.gradientAccumulationSteps * numProcesses;
  const values: readonly (readonly [name: string, value: unknown])[] = [
    ["learning_rate", args.learningRate],
    ["train_batch_size", args.perDeviceTrainBatchSize],
    ["eval_batch_size", args.perDeviceEvalBatchSize],
    ["seed", args.seed],
    ...(numProcesses > 1 ? [["num_devices", numProcesses] as const] : []),
    ...(args.gradientAccumulationSteps > 1 ? [["gradient_accumulation_steps", args.gradientAccumulationSteps] as const] : []),
    ...(total === args.perDeviceTrainBatchSize ? [] : [["total_train_batch_size", total] as const]),
    ["optimizer", `${args.optim} with betas=(${args.adamBeta1},${args.adamBeta2}) and epsilon=${args.adamEpsilon}`],
    ["lr_scheduler_type", args.lrSchedulerType],
    ...(args.warmupSteps > 0 ? [["lr_scheduler_warmup_steps", args.warmupSteps] as const] : []),
    ...(args.maxSteps > 0 ? [["training_steps", args.maxSteps] as const] : [["num_epochs", args.numTrainEpochs] as const]),
    ...(args.labelSmoothingFactor > 0 ? [["label_smoothing_factor", args.labelSmoothingFactor] as const] : []),
  ];
  return values.map(([name, value]) => `- ${name}: ${value}`).join("\n");
}

/** Writes README.md into `outputDir`, on the main process. @throws AccelerateError ERR_SAVE where the system refuses */
export async function createModelCard(trainer: Trainer, given: ModelCardOptions = {}): Promise<void> {
  checkNames("createModelCard", given, optionNames);
  const { args, accelerator, state } = trainer;
  await accelerator.checkpoints.together("createModelCard", async () => {
    if (!savesFiles(trainer)) return;
    const options = { ...given, modelName: given.modelName ?? basename(resolve(args.outputDir)) };
    const from = given.finetunedFrom === undefined ? "a model trained from scratch" : `a fine-tuned version of ${given.finetunedFrom}`;
    const data = listOf(given.dataset);
    const text = [
      `---\n${header(options)}\n---`,
      `# ${options.modelName}`,
      `This model is ${from}${data.length > 0 ? ` on ${data.join(", ")}` : ""}.`,
      "## Training procedure",
      "### Training hyperparameters",
      `The following hyperparameters were used during training:\n${hyperparameters(trainer)}`,
      results(state.logHistory),
      `### Framework versions\n\n- accelerate-ts ${version}`,
    ];
    await writing(args.outputDir, async () => {
      await mkdir(args.outputDir, { recursive: true });
      await writeWhole(join(args.outputDir, "README.md"), `${text.filter(Boolean).join("\n\n")}\n`);
    });
  });
}
