// Another number of words: new tables in the place of the old ones, wherever those are used.
import { ArgumentError } from "../../errors.js";
import { type Embedding, init, type ModuleBase, Parameter } from "../../nn/index.js";
import { defaultGenerator, fromData, type Tensor } from "../../tensor/index.js";
import type { PretrainedConfig } from "../loading/config.js";
import { stdOf } from "./architecture.js";
import type { PreTrainedModelBase } from "./pretrained-model.js";

export interface ResizeOptions {
  /** The size goes up to the next multiple of it. */
  readonly padToMultipleOf?: number | undefined;
  /** New rows lie around the mean of the old ones (default), so that what the model says changes little; or false: as in a new model. */
  readonly meanResizing?: boolean | undefined;
}

/** How far new rows lie from the mean: the square root of transformers' 1e-9 of the variance. */
const spread = Math.sqrt(1e-9);

/** Mean and standard deviation of each column of [rows, width]. */
function columns(values: Float32Array, rows: number, width: number): { readonly mean: Float64Array; readonly std: Float64Array } {
  const mean = new Float64Array(width);
  const std = new Float64Array(width);
  for (let i = 0; i < rows * width; i++) mean[i % width]! += values[i]! / rows;
  for (let i = 0; i < rows * width; i++) std[i % width]! += (values[i]! - mean[i % width]!) ** 2 / Math.max(1, rows - 1);
  return { mean, std: std.map(Math.sqrt) };
}

/** The first rows of a table of `rows` rows, and new ones behind them. */
function resized(old: Parameter, rows: number, drawnStd: number | undefined): Parameter {
  const before = old.shape[0]!;
  const width = old.shape.length === 1 ? 1 : old.shape[1]!;
  const shape = old.shape.length === 1 ? [rows] : [rows, width];
  const data = new Float32Array(rows * width);
  data.set(old.values().subarray(0, Math.min(before, rows) * width));
  const added = data.subarray(Math.min(before, rows) * width);
  if (added.length > 0 && drawnStd !== undefined) added.set((init.normal([added.length], { std: drawnStd }).state as { data: Float32Array }).data);
  else if (added.length > 0) {
    const { mean, std } = columns(old.values(), before, width);
    const noise = defaultGenerator().normal(added.length, 0, spread);
    for (let i = 0; i < added.length; i++) added[i] = mean[i % width]! + std[i % width]! * noise[i]!;
  }
  const parameter = new Parameter(fromData(data, shape) as Tensor<number, "float32">);
  parameter.requiresGrad = old.requiresGrad;
  return parameter;
}

/** Puts a parameter in the place of another one in every field that holds it. */
function replace(model: ModuleBase, old: Parameter, now: Parameter): void {
  for (const module of model.modules()) {
    const fields = module as unknown as Record<string, unknown>;
    for (const field of Object.keys(fields)) if (fields[field] === old) fields[field] = now;
  }
}

export function resizeEmbeddings(model: PreTrainedModelBase, newSize: number, { padToMultipleOf = 1, meanResizing = true }: ResizeOptions): Embedding {
  for (const [what, n] of [
    ["the size of the vocabulary", newSize],
    ["padToMultipleOf", padToMultipleOf],
  ] as const)
    if (!Number.isSafeInteger(n) || n < 1) throw new ArgumentError(`resizeTokenEmbeddings: ${what} is a whole number from 1 up, not ${n}`);
  const rows = Math.ceil(newSize / padToMultipleOf) * padToMultipleOf;
  const table = model.inputEmbeddings();
  if (table.paddingIdx !== undefined && table.paddingIdx >= rows)
    throw new ArgumentError(`resizeTokenEmbeddings: row ${table.paddingIdx} is the padding's, ${rows} rows do not have it`);
  const output = model.outputEmbeddings();
  const tied = output?.weight === table.weight;
  const std = meanResizing ? undefined : stdOf(model.config);
  if (table.weight.shape[0] !== rows) {
    replace(model, table.weight, resized(table.weight, rows, std));
    if (output && !tied) replace(model, output.weight, resized(output.weight, rows, std));
    for (const bias of new Set([output?.bias, model.outputBias()])) if (bias) replace(model, bias, resized(bias, rows, meanResizing ? undefined : 0));
    if (output) (output as { outFeatures: number }).outFeatures = rows;
  }
  // The config of every part: the base model within has one of its own.
  for (const module of model.modules())
    if ("config" in module) (module as { config: PretrainedConfig }).config = { ...(module.config as PretrainedConfig), vocab_size: rows };
  return table;
}
