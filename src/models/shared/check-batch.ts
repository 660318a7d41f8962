// Checks of a model's batch: keys when it is traced, values and lengths in every call, so that messages can name the row.
import { ArgumentError } from "../../errors.js";
import { firstOutOfRange } from "../../nn/check-indices.js";
import { Tensor } from "../../tensor/index.js";
import type { BertConfig } from "../bert/config.js";
import type { EncoderInputs, SequenceClassifierInputs } from "./types.js";

export const encoderKeys: ReadonlySet<string> = new Set<keyof EncoderInputs>(["input_ids", "attention_mask", "token_type_ids", "position_ids"]);
export const classifierKeys: ReadonlySet<string> = new Set([...encoderKeys, "labels"]);

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

/** Ids within their tables, and no more tokens than there are positions. */
export function checkEncoderValues(inputs: EncoderInputs, config: BertConfig): void {
  const limits = { input_ids: "vocab_size", token_type_ids: "type_vocab_size", position_ids: "max_position_embeddings" } as const;
  for (const key of Object.keys(limits) as (keyof typeof limits)[]) {
    const ids: unknown = inputs[key];
    if (!(ids instanceof Tensor)) continue;
    const end = config[limits[key]];
    const bad = firstOutOfRange(ids, end);
    if (!bad) continue;
    const width = ids.shape.at(-1)!;
    throw new ArgumentError(
      `${key} hold ${bad.value}, the model has ${limits[key]} ${end} (0..${end - 1}): row ${Math.floor(bad.at / width)}, token ${bad.at % width} of the batch`,
      {
        code: "ERR_TOKEN_RANGE",
        hint: "the tokenizer belongs to another model",
      },
    );
  }
  const tokens = inputs.input_ids instanceof Tensor && inputs.input_ids.rank === 2 ? inputs.input_ids.shape[1]! : 0;
  if (tokens > config.max_position_embeddings && !inputs.position_ids) {
    throw new ArgumentError(`input_ids have ${tokens} tokens, the model has max_position_embeddings ${config.max_position_embeddings}`, {
      code: "ERR_TOO_MANY_TOKENS",
      hint: "tokenize with { truncation: true }",
    });
  }
}

/** Class numbers that the classifier has. */
export function checkClassLabels(inputs: SequenceClassifierInputs, config: BertConfig): void {
  const { labels } = inputs;
  if (!(labels instanceof Tensor) || (labels.dtype !== "int64" && labels.dtype !== "int32")) return;
  const bad = firstOutOfRange(labels, config.num_labels, -100);
  if (!bad) return;
  throw new ArgumentError(`labels hold ${bad.value}, the model has num_labels ${config.num_labels} (0..${config.num_labels - 1}): row ${bad.at} of the batch`, {
    code: "ERR_LABEL_RANGE",
    hint: bad.value >= 0 ? `set numLabels: ${bad.value + 1} or mend the data` : "mend the data; rows that do not count have the label -100",
  });
}
