// Fits the tensors of a checkpoint to the parameters of a model: names, shapes, and the report on what did not fit.
import { AccelerateError } from "../../errors.js";
import type { ModuleBase, Parameter } from "../../nn/index.js";
import type { Checkpoint } from "./checkpoint.js";

/** Old names of a layer norm's parameters, as in the first BERT checkpoints. */
const renamed: readonly (readonly [old: string, now: string])[] = [
  ["LayerNorm.gamma", "LayerNorm.weight"],
  ["LayerNorm.beta", "LayerNorm.bias"],
];
/** Tensors that are in files but are no weights of their own: buffers, and the decoder that is tied to the embeddings. */
const known = /(^|\.)(embeddings\.(position_ids|token_type_ids)|cls\.predictions\.decoder\.(weight|bias))$/;

const modernName = (name: string): string => renamed.reduce((n, [old, now]) => (n.endsWith(old) ? n.slice(0, -old.length) + now : n), name);

export interface NameMatch {
  /** Parameter to tensor of the file. */
  readonly sources: ReadonlyMap<string, string>;
  /** Parameters that no tensor fits, and tensors that fit no parameter, both sorted. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * Matches names. A file may have the base model's prefix (`bert.`) where the model has none, and the other way round.
 *
 * @example
 * matchNames(["bert.pooler.dense.weight"], ["pooler.dense.weight"], "bert").missing; // []
 */
export function matchNames(parameters: readonly string[], tensors: readonly string[], prefix: string): NameMatch {
  const expected = new Set(parameters);
  const sources = new Map<string, string>();
  const unexpected: string[] = [];
  const head = `${prefix}.`;
  // Exact names first, so that a file with both spellings of a name gives the modern one.
  for (const tensor of [...tensors].sort((a, b) => Number(expected.has(b)) - Number(expected.has(a)))) {
    const name = modernName(tensor);
    const target = [name, head + name, name.startsWith(head) ? name.slice(head.length) : name].find((candidate) => expected.has(candidate));
    if (target !== undefined && !sources.has(target)) sources.set(target, tensor);
    else if (target === undefined && !known.test(name)) unexpected.push(tensor);
  }
  return { sources, missing: parameters.filter((name) => !sources.has(name)).sort(), unexpected: unexpected.sort() };
}

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

/** Reads a checkpoint into a model's parameters. */
export async function loadWeights(
  model: ModuleBase,
  checkpoint: Checkpoint,
  options: { readonly prefix: string; readonly ignoreMismatchedSizes?: boolean | undefined },
): Promise<LoadReport> {
  const parameters = new Map<string, Parameter>(model.namedParameters());
  const { sources, missing, unexpected } = matchNames([...parameters.keys()], [...checkpoint.tensors.keys()], options.prefix);
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
  for (const [source, parameter] of fitting) {
    await checkpoint.readFloat32(source, parameter.values());
    parameter.changed();
  }
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
