// Models as ONNX files, for onnxruntime in any language, onnxruntime-web, and transformers.js.
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AccelerateError, ArgumentError } from "../errors.js";
import { inferenceGraph } from "./inference-graph.js";
import type { ModuleBase } from "../nn/index.js";
import { type StagedFile, stageFile } from "../safetensors/stage.js";
import { tensor } from "../tensor/index.js";
import type { PreTrainedTokenizer } from "../text/index.js";
import { type PretrainedConfig, saveConfig } from "../models/loading/config.js";
import { PreTrainedModelBase } from "../models/shared/pretrained-model.js";
import { OnnxModel } from "./onnx-model.js";
import { writeAdvice } from "../write-advice.js";
import { writeBack } from "./write-back.js";

export interface ExportOnnxOptions {
  /** Its files come into the folder, for transformers.js. */
  readonly tokenizer?: Pick<PreTrainedTokenizer, "savePretrained"> | undefined;
  /** Whether the weights lie in a file of their own beside the model (`model.onnx_data`); default: only where they are too many for one file (2 GB). */
  readonly externalData?: boolean | undefined;
  /** Arguments of a call, for a module of one's own: numbers do not count, kinds and sizes of tensors do. A size of 1 may be taken for fixed. */
  readonly example?: readonly unknown[] | undefined;
  /** Outputs to keep, by name; default: `logits` or `last_hidden_state` of a pretrained model, everything that another module returns. */
  readonly outputs?: readonly string[] | undefined;
}

/** What models of a family read, as their tokenizers give it. */
const inputNames: { readonly [modelType: string]: readonly string[] } = { bert: ["input_ids", "attention_mask", "token_type_ids"] };
const otherInputs: readonly string[] = ["input_ids", "attention_mask"];
/** Sizes that are neither 1 nor the same. */
const exampleRows = [
  [0, 0],
  [0, 0],
  [0, 0],
];
const sizes = ["batch_size", "sequence_length"];

/** A call of a model with made-up tokens. */
function exampleFor(model: PreTrainedModelBase): readonly unknown[] {
  const names = inputNames[model.config.model_type] ?? otherInputs;
  return [Object.fromEntries(names.map((name) => [name, tensor(exampleRows, { dtype: "int64" })]))];
}

async function graphOf(model: ModuleBase, options: ExportOnnxOptions) {
  const { example, outputs } = options;
  if (example) return inferenceGraph(model, example, { sizeName: (input, axis) => `${input}_${axis}`, outputs });
  if (!(model instanceof PreTrainedModelBase))
    throw new ArgumentError(`what ${model.traceName} is called with is not known`, {
      code: "ERR_EXPORT_EXAMPLE",
      hint: "give the arguments of a call: exportOnnx(model, file, { example: [{ pixels: zeros([2, 784]) }] })",
    });
  const args = exampleFor(model);
  (model.checkCall as (...args: unknown[]) => void).apply(model, [...args]);
  const primary = model.outputEmbeddings() || "classifier" in model || "score" in model ? "logits" : "last_hidden_state";
  return inferenceGraph(model, args, { sizeName: (_, axis) => sizes[axis]!, outputs: outputs ?? [primary] });
}

/** Writes a model, and the file of its weights where it has one. A model never stands beside another one's weights. */
async function writeModel(model: ModuleBase, file: string, options: ExportOnnxOptions): Promise<{ readonly external: boolean }> {
  const { onnxFiles } = await import("../graph/onnx/files.js");
  const graph = await graphOf(model, options);
  const dataFile = `${file}_data`;
  const files = onnxFiles(graph, { name: model.traceName, dataName: basename(dataFile), externalData: options.externalData });
  await mkdir(dirname(file), { recursive: true });
  const staged: StagedFile[] = [];
  try {
    if (files.data) staged.push(await stageFile(dataFile, files.data));
    staged.push(await stageFile(file, files.model));
    if (files.data) await rm(file, { force: true });
    for (const one of staged) await one.commit();
    if (!files.data) await rm(dataFile, { force: true });
  } finally {
    for (const one of staged) await one[Symbol.asyncDispose]();
  }
  return { external: files.data !== undefined };
}

/**
 * Writes a model, as it is in evaluation mode, for engines of inference: ONNX's own ops alone (opset 21), float32 weights, int64 inputs `input_ids`, `attention_mask` and (BERT)
 * `token_type_ids` of any batch_size and sequence_length, output `logits` or `last_hidden_state`.
 *
 * A `target` that ends in `.onnx` is a file. Any other is a folder for transformers.js: `onnx/model.onnx`, `config.json`, and the files of the `tokenizer`.
 * GPT-2 comes without the cache of keys and values, which the text-generation pipeline of transformers.js needs: call its logits yourself.
 *
 * A model of `importOnnx` is written back into the file that it came from: the weights are new, all else is the same, byte for byte.
 *
 * A module of one's own is given an `example` of its arguments. Its inputs are named by the keys that lead to the tensors (`x` for a lone tensor), so are its outputs (`output`); sizes
 * that the module does not fix may differ from the example's.
 *
 * @throws ArgumentError ERR_EXPORT_EXAMPLE, ERR_EXPORT_TARGET or ERR_EXPORT_OUTPUT; ERR_PAD_TOKEN for a GPT-2 classifier without one; AccelerateError ERR_EXPORT_OP, ERR_EXPORT_RANDOM,
 * ERR_EXPORT_WRITE where the system does not let the files be written
 * @example
 * await exportOnnx(model, "spam-js", { tokenizer }); // browser: pipeline("text-classification", "spam-js")
 * await exportOnnx(model, "spam.onnx"); // onnxruntime: InferenceSession.create("spam.onnx")
 */
export async function exportOnnx(model: ModuleBase, target: string, options: ExportOnnxOptions = {}): Promise<void> {
  await checkTarget(target);
  try {
    await exportTo(model, target, options);
  } catch (cause) {
    if (cause instanceof AccelerateError || (cause as { syscall?: unknown }).syscall === undefined) throw cause;
    throw new AccelerateError("ERR_EXPORT_WRITE", `${target} could not be written: ${(cause as Error).message}`, {
      cause,
      hint: writeAdvice(cause) ?? "give another place",
    });
  }
}

/** Before anything is written: a file is no folder, and the other way round. */
async function checkTarget(target: string): Promise<void> {
  if (typeof target !== "string" || target === "")
    throw new ArgumentError(`exportOnnx was given ${JSON.stringify(target)} for a path`, {
      code: "ERR_EXPORT_TARGET",
      hint: "give the name of a file or folder",
    });
  const there = await stat(target).catch(() => undefined);
  const file = target.endsWith(".onnx");
  if (there === undefined || there.isDirectory() !== file) return;
  throw new ArgumentError(`${target} is ${file ? "a folder" : "a file"}`, {
    code: "ERR_EXPORT_TARGET",
    hint: file ? "give the name of a file in it" : "give the name of a folder, or of a file that ends in .onnx",
  });
}

async function exportTo(model: ModuleBase, target: string, options: ExportOnnxOptions): Promise<void> {
  if (model instanceof OnnxModel) {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    if (given.length > 0)
      throw new ArgumentError(`${model.original.file} is written back as it was read, without the option ${given[0]![0]}`, { code: "ERR_EXPORT_TARGET" });
    if (!target.endsWith(".onnx"))
      throw new ArgumentError(`${target}: an imported model is written as a file`, { code: "ERR_EXPORT_TARGET", hint: "give a name that ends in .onnx" });
    await writeBack(model, target);
    return;
  }
  if (target.endsWith(".onnx")) {
    if (options.tokenizer)
      throw new ArgumentError(`${target} is one file, a tokenizer has several`, {
        code: "ERR_EXPORT_TARGET",
        hint: "give a folder: a name that does not end in .onnx",
      });
    await writeModel(model, target, options);
    return;
  }
  if (!(model instanceof PreTrainedModelBase))
    throw new ArgumentError(`${target} is a folder, which is for models with a config`, {
      code: "ERR_EXPORT_TARGET",
      hint: `write a file: exportOnnx(model, ${JSON.stringify(`${target}.onnx`)})`,
    });
  const { external } = await writeModel(model, join(target, "onnx", "model.onnx"), options);
  await options.tokenizer?.savePretrained(target);
  const { torch_dtype: _, ...config } = model.config;
  // Without this, transformers.js looks for quantized weights in browsers.
  const forTransformersJs = { dtype: "fp32", ...(external && { use_external_data_format: true }) };
  await saveConfig(target, { ...config, dtype: "float32", "transformers.js_config": forTransformersJs } as PretrainedConfig, model.traceName);
}
