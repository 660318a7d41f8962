// Inputs and outputs of models, for the type checker: which batches fit, and whether there is a loss.
import type { Scalar, Tensor } from "../../tensor/index.js";

/** A batch of which the type checker knows no keys. */
export type UnknownBatch = { readonly [key: string]: Tensor };

/** What every model for a task returns at least. */
export interface ModelOutput {
  readonly loss: Tensor<0>;
  readonly logits: Tensor;
}

/** loss is there when the batch has labels. A batch of unknown keys is trusted to have them. */
export type LossOf<B> = string extends keyof B ? Scalar : B extends { labels: Tensor } ? Scalar : "labels" extends keyof B ? Scalar | undefined : undefined;

export interface EncoderInputs {
  /** [B, S] int64. */
  readonly input_ids: Tensor;
  /** [B, S], 1 for tokens and 0 for padding; all ones without it. */
  readonly attention_mask?: Tensor;
  /** [B, S], the number of the sentence; all zeros without it. DistilBERT takes it and makes nothing of it; GPT-2 adds the word vectors of these ids. */
  readonly token_type_ids?: Tensor;
  /** [B, S] or [S]; 0 to S - 1 without it (RoBERTa counts the tokens that are no padding). */
  readonly position_ids?: Tensor;
}

export interface SequenceClassifierInputs extends EncoderInputs {
  /** Classes [B] int64; numbers [B] for one label; [B, num_labels] of floats for several independent labels. */
  readonly labels?: Tensor;
}
export interface TokenClassifierInputs extends EncoderInputs {
  /** A class for each token, [B, S] int64; -100 does not count. */
  readonly labels?: Tensor;
}
export interface LanguageModelInputs extends EncoderInputs {
  /**
   * A token for each place, [B, S] int64; -100 does not count. A masked language model is to say the token of the same place, a causal one the token of the next: its labels
   * are the input_ids themselves, and the model shifts them.
   */
  readonly labels?: Tensor;
}

/** What is there when the config asks for it. */
export interface InnerStates {
  /** With `output_hidden_states` in the config: the embeddings and the output of every layer, each [B, S, H]. */
  readonly hidden_states?: readonly Tensor<3>[];
  /** With `output_attentions` in the config: one [B, heads, S, S] per layer. */
  readonly attentions?: readonly Tensor<4>[];
}
export interface BaseModelOutput extends InnerStates {
  /** [B, S, H]. */
  readonly last_hidden_state: Tensor<3, "float32">;
  /** [B, H]: tanh of a linear map of the first token. Only BERT and RoBERTa have it. */
  readonly pooler_output?: Tensor<2, "float32">;
}
export interface EncoderOutput extends BaseModelOutput {
  readonly pooler_output: Tensor<2, "float32">;
}

export interface SequenceClassifierOutput<B = UnknownBatch> extends InnerStates {
  readonly loss: LossOf<B>;
  /** [B, num_labels]. */
  readonly logits: Tensor<2, "float32">;
}
export interface TokenClassifierOutput<B = UnknownBatch> extends InnerStates {
  readonly loss: LossOf<B>;
  /** [B, S, num_labels]. */
  readonly logits: Tensor<3, "float32">;
}
export interface LanguageModelOutput<B = UnknownBatch> extends InnerStates {
  readonly loss: LossOf<B>;
  /** [B, S, vocab_size]. */
  readonly logits: Tensor<3, "float32">;
}

/** What a batch can do beside its columns: `at`, `length` and the questions about tokens of what a tokenizer returns. */
type Columns<B> = keyof { [K in keyof B as K extends "length" ? never : B[K] extends (...args: never[]) => unknown ? never : K]: 0 };
/** A batch for a model of inputs I: unknown keys pass unchecked, known ones must all be the model's. */
export type Fits<B, I> = string extends keyof B
  ? unknown
  : I & { readonly [K in Exclude<Columns<B>, keyof I> & string]: `${K} is no input of this model: remove or rename the column` };

/** How models are called. Shared, so that a class and the type of its Auto class are the same for the checker. */
export type BaseModelCall = <B>(inputs: B & Fits<B, EncoderInputs>) => BaseModelOutput;
export type EncoderCall = <B>(inputs: B & Fits<B, EncoderInputs>) => EncoderOutput;
export type SequenceClassifierCall = <B>(batch: B & Fits<B, SequenceClassifierInputs>) => SequenceClassifierOutput<B>;
export type TokenClassifierCall = <B>(batch: B & Fits<B, TokenClassifierInputs>) => TokenClassifierOutput<B>;
export type LanguageModelCall = <B>(batch: B & Fits<B, LanguageModelInputs>) => LanguageModelOutput<B>;

/** A batch with everything a BERT classifier can take. */
export type SequenceClassifierBatch = {
  readonly input_ids: Tensor<2>;
  readonly attention_mask: Tensor<2>;
  readonly token_type_ids?: Tensor<2>;
  readonly labels: Tensor<1>;
};
