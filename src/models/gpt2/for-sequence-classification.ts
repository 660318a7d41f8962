// GPT-2 with a classifier on the last token of each row that is no padding.
import { ArgumentError } from "../../errors.js";
import type { Embedding, Linear } from "../../nn/index.js";
import { arange, Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkSequenceLabels, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { unset } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { sequenceLoss } from "../shared/task-loss.js";
import type { SequenceClassifierCall, SequenceClassifierInputs, SequenceClassifierOutput } from "../shared/types.js";
import { type Gpt2Config, type Gpt2ConfigOptions, gpt2Config } from "./config.js";
import { GPT2Model, tableSizes } from "./model.js";

/**
 * GPT-2 with a linear classifier without a bias, as transformers' class of that name. It reads the last token that is not `pad_token_id`, by the ids and not by the mask; a config
 * without a `pad_token_id` takes one row at a time. For the losses see `BertForSequenceClassification`.
 *
 * @example
 * const model = await GPT2ForSequenceClassification.fromPretrained("gpt2-folder", { numLabels: 2, config: { pad_token_id: 50256 } });
 * const { loss, logits } = model({ input_ids, attention_mask, labels });
 */
export class GPT2ForSequenceClassification extends PreTrainedModelBase {
  readonly config: Gpt2Config;
  readonly transformer: GPT2Model;
  readonly score: Linear;

  constructor(config: Gpt2ConfigOptions | Gpt2Config, options: MakeOptions = {}) {
    super();
    this.config = gpt2Config(config);
    this.transformer = new GPT2Model(this.config, { init: false });
    this.score = unset(this.config.n_embd, this.config.num_labels, { bias: false });
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<GPT2ForSequenceClassification, Gpt2Config> = {
    name: "GPT2ForSequenceClassification",
    prefix: "transformer",
    config: gpt2Config,
    make: (config) => new GPT2ForSequenceClassification(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub; a classifier that is not in the file starts anew, with a warning. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<GPT2ForSequenceClassification> {
    return loadPretrained(GPT2ForSequenceClassification.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.transformer.wte;
  }

  forward(batch: SequenceClassifierInputs): SequenceClassifierOutput<SequenceClassifierInputs> {
    checkKeys("GPT2ForSequenceClassification", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.transformer(inputs);
    const logits = this.score(this.#lastTokens(hidden, inputs.input_ids)) as Tensor<2, "float32">;
    return { loss: sequenceLoss(this.config, logits, labels), logits, ...states };
  }

  /** [B, S, H] to [B, H]: of each row the rightmost token that is no padding, which serves padding on either side; the first of a row of padding alone. */
  #lastTokens(hidden: Tensor, ids: Tensor): Tensor {
    const { pad_token_id: pad } = this.config;
    if (pad === null) return hidden.at(":", -1);
    const places: Tensor = arange(ids.size(1)).to("float32");
    const last = places.mul(ids.ne(pad).to("float32")).argmax(-1);
    const index = last
      .unsqueeze(-1)
      .unsqueeze(-1)
      .expand([-1, 1, hidden.size(2)]);
    return hidden.gather(1, index).squeeze(1);
  }

  override checkCall(batch: SequenceClassifierInputs): void {
    checkEncoderValues(batch, tableSizes(this.config));
    checkSequenceLabels(batch, this.config);
    const rows = batch.input_ids instanceof Tensor ? batch.input_ids.shape[0]! : 1;
    if (this.config.pad_token_id === null && rows > 1)
      throw new ArgumentError(`GPT2ForSequenceClassification: ${rows} rows, but the config has no pad_token_id, so that the last token of each is not known`, {
        code: "ERR_PAD_TOKEN",
        hint: "give it one: fromPretrained(..., { config: { pad_token_id: tokenizer.padTokenId } })",
      });
  }
}
export interface GPT2ForSequenceClassification extends SequenceClassifierCall {}
