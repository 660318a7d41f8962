// Checks of a model's batch: keys when it is traced, values and lengths in every call, so that messages can name the row.
import { ArgumentError, ShapeError } from "../../errors.js";
import { firstOutOfRange } from "../../nn/check-indices.js";
import { Tensor } from "../../tensor/index.js";
import { type ClassifierConfig, ignoredLabel, problemTypeOf } from "./task-loss.js";
import type { EncoderInputs, SequenceClassifierInputs } from "./types.js";

export const encoderKeys: ReadonlySet<string> = new Set<keyof EncoderInputs>(["input_ids", "attention_mask", "token_type_ids", "position_ids"]);
export const labelledKeys: ReadonlySet<string> = new Set([...encoderKeys, "labels"]);

/** A batch has input_ids, [B, S], and nothing that the model does not know. */
export function checkKeys(model: string, batch: EncoderInputs, keys: ReadonlySet<string>): void {
  const unknown = Object.keys(batch).filter((key) => !keys.has(key));
  if (unknown.length > 0) {
    const hint = `remove or rename the column${unknown.length > 1 ? "s" : ""}; inputs are ${[...keys].join(", ")}`;
    throw new ArgumentError(`${unknown.join(", ")} ${unknown.length > 1 ? "are no inputs" : "is no input"} of ${model}`, { code: "ERR_MODEL_INPUT", hint });
  }
  if (!(batch.input_ids instanceof Tensor))
    throw new ArgumentError(`the batch for ${model} has no input_ids`, { code: "ERR_MODEL_INPUT", hint: "tokenize the text first" });
  if (batch.input_ids.rank !== 2)
    throw new ArgumentError(`input_ids of ${model} are [batch, tokens], not of rank ${batch.input_ids.rank}`, { code: "ERR_MODEL_INPUT" });
}

/** Sizes of a model's tables. */
export interface TableSizes {
  readonly vocab_size: number;
  /** None where sentence numbers look nothing up. */
  readonly type_vocab_size?: number | undefined;
  readonly max_position_embeddings: number;
}

/** The first entry of ids outside their table, as an error that names the row and the token. */
function checkTable(key: string, ids: unknown, end: number | undefined, what: string): void {
  if (!(ids instanceof Tensor) || end === undefined) return;
  const bad = firstOutOfRange(ids, end);
  if (!bad) return;
  const width = ids.shape.at(-1)!;
  throw new ArgumentError(
    `${key} hold ${bad.value}, the model has ${what} ${end} (0..${end - 1}): row ${Math.floor(bad.at / width)}, token ${bad.at % width} of the batch`,
    { code: "ERR_TOKEN_RANGE", hint: "the tokenizer belongs to another model" },
  );
}

/** Columns that a model reads, and how many dims each may have. */
const ranks: { readonly [K in keyof Required<EncoderInputs>]: readonly number[] } = {
  input_ids: [2],
  attention_mask: [2],
  token_type_ids: [1, 2],
  position_ids: [1, 2],
};
const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "a list" : typeof value);

/** Columns are tensors, of as many rows and tokens as input_ids; a size of 1 serves all. */
function checkColumns(batch: EncoderInputs): void {
  if (typeof batch !== "object" || batch === null || batch instanceof Tensor)
    throw new ArgumentError(`a model was called with ${batch instanceof Tensor ? "a tensor" : kindOf(batch)}, not with a batch`, {
      code: "ERR_MODEL_INPUT",
      hint: "give an object of tensors: model({ input_ids, attention_mask })",
    });
  for (const key of labelledKeys) {
    const value = (batch as unknown as Readonly<Record<string, unknown>>)[key];
    if (value === undefined || value === null || value instanceof Tensor) continue;
    throw new ArgumentError(`${key} of the batch: ${kindOf(value)}, not a tensor`, {
      code: "ERR_MODEL_INPUT",
      hint: 'tokenize with { returnTensors: true }, or write tensor(values, { dtype: "int64" })',
    });
  }
  const ids: unknown = batch.input_ids;
  if (!(ids instanceof Tensor) || ids.rank !== 2) return;
  const sizes = ids.shape;
  for (const [key, allowed] of Object.entries(ranks) as [keyof EncoderInputs, readonly number[]][]) {
    const { shape } = batch[key] ?? ids;
    if (allowed.includes(shape.length) && shape.every((size, dim) => size === 1 || size === sizes[dim + 2 - shape.length])) continue;
    throw new ShapeError(`${key} of the batch are [${shape.join(", ")}], input_ids [${sizes.join(", ")}]`, { hint: "both are [batch, tokens]" });
  }
}

/** Tokens of the longest row that are not `padding`; undefined when the values are not known yet. */
function longestRow(ids: Tensor, padding: number): number | undefined {
  const s = ids.state;
  if (s.kind !== "concrete") return undefined;
  const counts = new Array<number>(ids.shape[0]!).fill(0);
  for (let at = 0; at < s.data.length; at++) if (Number(s.data[at]) !== padding) counts[Math.floor(at / ids.shape[1]!)]!++;
  return Math.max(0, ...counts);
}

/**
 * Ids within their tables, and no more tokens than there are positions.
 *
 * @param padding the id up to which positions are not for tokens, and which takes none of the others; without it every place has a position of its own
 */
export function checkEncoderValues(inputs: EncoderInputs, sizes: TableSizes, padding?: number): void {
  checkColumns(inputs);
  checkTable("input_ids", inputs.input_ids, sizes.vocab_size, "vocab_size");
  checkTable("token_type_ids", inputs.token_type_ids, sizes.type_vocab_size, "type_vocab_size");
  checkTable("position_ids", inputs.position_ids, sizes.max_position_embeddings, "max_position_embeddings");
  const { input_ids: ids } = inputs;
  if (!(ids instanceof Tensor) || ids.rank !== 2 || inputs.position_ids) return;
  const unusable = padding === undefined ? 0 : padding + 1;
  const limit = sizes.max_position_embeddings - unusable;
  const width = ids.shape[1]!;
  const tokens = width > limit && padding !== undefined ? longestRow(ids, padding) : width;
  if (tokens === undefined || tokens <= limit) return;
  const but = unusable > 0 ? `, ${unusable} of them not for tokens` : "";
  throw new ArgumentError(`input_ids have ${tokens} tokens, the model has max_position_embeddings ${sizes.max_position_embeddings}${but}`, {
    code: "ERR_TOO_MANY_TOKENS",
    hint: "tokenize with { truncation: true }",
  });
}

function checkClasses(labels: unknown, end: number, what: string, where: (at: number, width: number) => string, hint: (value: number) => string): void {
  if (!(labels instanceof Tensor) || (labels.dtype !== "int64" && labels.dtype !== "int32")) return;
  const bad = firstOutOfRange(labels, end, ignoredLabel);
  if (!bad) return;
  const place = where(bad.at, labels.shape.at(-1) ?? 1);
  throw new ArgumentError(`labels hold ${bad.value}, the model has ${what} ${end} (0..${end - 1}): ${place} of the batch`, {
    code: "ERR_LABEL_RANGE",
    hint: bad.value >= 0 ? hint(bad.value) : `mend the data; what does not count has the label ${ignoredLabel}`,
  });
}
const row = (at: number): string => `row ${at}`;
const token = (at: number, width: number): string => `row ${Math.floor(at / width)}, token ${at % width}`;
const moreLabels = (value: number): string => `set numLabels: ${value + 1} or mend the data`;

/** Class numbers of whole sequences that the classifier has; other kinds of labels are not class numbers. */
export function checkSequenceLabels(batch: SequenceClassifierInputs, config: ClassifierConfig): void {
  if (batch.labels instanceof Tensor && problemTypeOf(config, batch.labels) === "single_label_classification")
    checkClasses(batch.labels, config.num_labels, "num_labels", row, moreLabels);
}
/** Class numbers of tokens that the classifier has. */
export function checkTokenLabels(batch: { readonly labels?: unknown }, config: { readonly num_labels: number }): void {
  checkClasses(batch.labels, config.num_labels, "num_labels", token, moreLabels);
}
/** Tokens to be said that the model knows. */
export function checkTokens(batch: { readonly labels?: unknown }, config: { readonly vocab_size: number }): void {
  checkClasses(batch.labels, config.vocab_size, "vocab_size", token, () => "the tokenizer belongs to another model");
}
