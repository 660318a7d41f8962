// GPT-2 that says the next token.
import type { Embedding, Linear } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, checkTokens, labelledKeys } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { decoderOf } from "../shared/layers.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { causalLoss } from "../shared/task-loss.js";
import type { LanguageModelCall, LanguageModelInputs, LanguageModelOutput } from "../shared/types.js";
import { type Gpt2Config, type Gpt2ConfigOptions, gpt2Config } from "./config.js";
import { GPT2Model, tableSizes } from "./model.js";

/**
 * GPT-2 with its language-modelling head, as transformers' class of that name. The last map is the table of the words itself (`tie_word_embeddings: false` gives it weights of
 * its own). The labels are the input_ids, with -100 where nothing is to be learnt, such as at padding: the model shifts them.
 *
 * @example
 * const model = await GPT2LMHeadModel.fromPretrained("gpt2-folder");
 * const { loss, logits } = model({ input_ids, attention_mask, labels: input_ids }); // logits [B, S, vocab_size]
 */
export class GPT2LMHeadModel extends PreTrainedModelBase {
  readonly config: Gpt2Config;
  readonly transformer: GPT2Model;
  readonly lm_head: Linear;

  constructor(config: Gpt2ConfigOptions | Gpt2Config, options: MakeOptions = {}) {
    super();
    this.config = gpt2Config(config);
    this.transformer = new GPT2Model(this.config, { init: false });
    this.lm_head = decoderOf(this.config, this.transformer.wte, false);
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<GPT2LMHeadModel, Gpt2Config> = {
    name: "GPT2LMHeadModel",
    prefix: "transformer",
    config: gpt2Config,
    make: (config) => new GPT2LMHeadModel(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<GPT2LMHeadModel> {
    return loadPretrained(GPT2LMHeadModel.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.transformer.wte;
  }
  override outputEmbeddings(): Linear {
    return this.lm_head;
  }

  forward(batch: LanguageModelInputs): LanguageModelOutput<LanguageModelInputs> {
    checkKeys("GPT2LMHeadModel", batch, labelledKeys);
    const { labels, ...inputs } = batch;
    const { last_hidden_state: hidden, pooler_output: _, ...states } = this.transformer(inputs);
    const logits = this.lm_head(hidden) as Tensor<3, "float32">;
    return { loss: causalLoss(logits, labels), logits, ...states };
  }

  override checkCall(batch: LanguageModelInputs): void {
    checkEncoderValues(batch, tableSizes(this.config));
    checkTokens(batch, this.config);
  }
}
export interface GPT2LMHeadModel extends LanguageModelCall {}
