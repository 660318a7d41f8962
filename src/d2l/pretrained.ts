// The book's pretrained BERT: a vocabulary and a state dict of PyTorch in one archive.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Device } from "../runtime/device.js";
import { AccelerateError } from "../errors.js";
import { readTorchFile } from "../torch-file/index.js";
import { BERTModel, type BertOptions } from "./bert.js";
import { type DownloadOptions, downloadExtract } from "./download.js";
import { Vocab } from "./vocab.js";

export interface PretrainedOptions extends BertOptions, DownloadOptions {
  /** Where the model is to run; an Accelerator decides that here. */
  readonly devices?: readonly Device[];
}
export interface Pretrained {
  readonly bert: BERTModel;
  readonly vocab: Vocab;
}

const paramsName = "pretrained.params";
const vocabName = "vocab.json";

const list = (names: readonly string[]): string => (names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", "));

/** Copies a state dict of PyTorch into a model that has exactly its names and shapes; nothing is changed when it has not. @throws AccelerateError ERR_WEIGHTS_MISMATCH */
export async function loadTorchState(model: BERTModel, file: string): Promise<void> {
  const tensors = await readTorchFile(file);
  const parameters = new Map(model.namedParameters());
  const missing = [...parameters.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !parameters.has(name));
  const shapes = [...parameters].flatMap(([name, { shape }]) => {
    const inFile = tensors.get(name)?.shape;
    return inFile && inFile.join() !== shape.join() ? [`${name} is [${inFile.join(", ")}] in the file and [${shape.join(", ")}] in the model`] : [];
  });
  const problems = [
    missing.length && `the file lacks ${list(missing)}`,
    unexpected.length && `the model has no ${list(unexpected)}`,
    shapes.length && list(shapes),
  ].filter(Boolean);
  if (problems.length > 0)
    throw new AccelerateError("ERR_WEIGHTS_MISMATCH", `${file} does not fit the model: ${problems.join("; ")}`, {
      hint: "give the sizes that it was made with: numHiddens, ffnNumHiddens, numHeads, numBlks, maxLen",
    });
  for (const [name, parameter] of parameters) {
    await tensors.get(name)!.readFloat32(parameter.values());
    parameter.changed();
  }
}

/**
 * A pretrained BERT of DATA_HUB with its vocabulary, or one of a folder with `pretrained.params` and `vocab.json`. The sizes are those given, and must be those of the file.
 *
 * @throws AccelerateError ERR_WEIGHTS_MISMATCH when the file has other names or shapes, TorchFileError when it is damaged
 * @example
 * const { bert, vocab } = await loadPretrainedModel("bert.small", { numHiddens: 256, ffnNumHiddens: 512, numHeads: 4, numBlks: 2, dropout: 0.1, maxLen: 512 });
 */
export async function loadPretrainedModel(name: string, options: PretrainedOptions): Promise<Pretrained> {
  const { numHiddens, ffnNumHiddens, numHeads, numBlks, dropout, maxLen, cacheDir, signal } = options;
  const isFolder = await stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const dataDir = isFolder ? name : await downloadExtract(name, { ...(cacheDir !== undefined && { cacheDir }), ...(signal && { signal }) });
  const vocab = await Vocab.read(join(dataDir, vocabName));
  const bert = new BERTModel(vocab.length, { numHiddens, ffnNumHiddens, numHeads, numBlks, dropout, ...(maxLen !== undefined && { maxLen }) });
  await loadTorchState(bert, join(dataDir, paramsName));
  return { bert, vocab };
}
