// Fits the tensors of a checkpoint to the parameters of a model: names, shapes, and the report on what did not fit.
import { AccelerateError } from "../../errors.js";
import type { ModuleBase, Parameter } from "../../nn/index.js";
import { ParameterArena } from "../../tensor/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { matchNames } from "./match-names.js";
import { namesOf } from "./parameter-names.js";

interface Mismatch {
  readonly name: string;
  readonly inFile: readonly number[];
  readonly inModel: readonly number[];
}

export interface LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  /** Only with ignoreMismatchedSizes; else they are an error. */
  readonly mismatched: readonly Mismatch[];
}

/** Reads a checkpoint into a model's parameters, straight into the memory that they are trained in. */
export async function loadWeights(
  model: ModuleBase,
  checkpoint: Checkpoint,
  options: { readonly prefix: string; readonly ignoreMismatchedSizes?: boolean | undefined },
): Promise<LoadReport> {
  const parameters = new Map<string, Parameter>(model.namedParameters());
  const { sources, missing, unexpected } = matchNames(namesOf(model), [...checkpoint.tensors.keys()], options.prefix);
  const mismatched: Mismatch[] = [];
  const fitting: (readonly [source: string, parameter: Parameter])[] = [];
  for (const [name, source] of sources) {
    const parameter = parameters.get(name)!;
    const { shape: inFile } = checkpoint.tensors.get(source)!;
    const inModel = parameter.shape;
    if (inFile.length === inModel.length && inFile.every((d, i) => d === inModel[i])) {
      fitting.push([source, parameter]);
      continue;
    }
    if (!options.ignoreMismatchedSizes) {
      throw new AccelerateError(
        "ERR_WEIGHT_SHAPE",
        `${checkpoint.fileOf(source)}: tensor ${source} has shape [${inFile.join(", ")}], the model's ${name} has [${inModel.join(", ")}]`,
        {
          hint: "config.json and weights do not belong together, or give the numLabels of the file, or ignoreMismatchedSizes: true to start this one anew",
        },
      );
    }
    mismatched.push({ name, inFile, inModel });
  }
  // The memory of a model that was just made is untouched: of what the file gives, nothing is copied into the arena.
  const unread = [...missing, ...mismatched.map(({ name }) => name)].map((name) => [parameters.get(name)!, parameters.get(name)!.values()] as const);
  ParameterArena.place([...parameters.values()], { keepsValues: true });
  for (const [parameter, values] of unread) parameter.set(values);
  await checkpoint.readInto(fitting.map(([source, parameter]) => [source, parameter.values()] as const));
  for (const [, parameter] of fitting) parameter.changed();
  return { missing, unexpected, mismatched };
}

const list = (names: readonly string[]): string => `[${names.map((n) => `'${n}'`).join(", ")}]`;
const train = "You should probably TRAIN this model on a down-stream task to be able to use it for predictions and inference.";

/** The warnings of transformers on weights of the file that found no place, and weights of the model that start anew. */
export function loadWarnings(report: LoadReport, model: string, checkpoint: string): string[] {
  const warnings: string[] = [];
  if (report.unexpected.length > 0) {
    warnings.push(
      `Some weights of the model checkpoint at ${checkpoint} were not used when initializing ${model}: ${list(report.unexpected)}\n` +
        `- This IS expected if you are initializing ${model} from the checkpoint of a model trained on another task or with another architecture (e.g. initializing a BertForSequenceClassification model from a BertForPreTraining model).\n` +
        `- This IS NOT expected if you are initializing ${model} from the checkpoint of a model that you expect to be exactly identical (initializing a BertForSequenceClassification model from a BertForSequenceClassification model).`,
    );
  }
  if (report.missing.length > 0) {
    warnings.push(
      `Some weights of ${model} were not initialized from the model checkpoint at ${checkpoint} and are newly initialized: ${list(report.missing)}\n${train}`,
    );
  }
  if (report.mismatched.length > 0) {
    const size = (shape: readonly number[]) => `torch.Size([${shape.join(", ")}])`;
    const lines = report.mismatched.map(
      ({ name, inFile, inModel }) => `- ${name}: found shape ${size(inFile)} in the checkpoint and ${size(inModel)} in the model instantiated`,
    );
    warnings.push(
      `Some weights of ${model} were not initialized from the model checkpoint at ${checkpoint} and are newly initialized because the shapes did not match:\n${lines.join("\n")}\n${train}`,
    );
  }
  return warnings;
}
