// GPT2Model: embeddings, blocks and a last norm, as transformers' class of that name.
import { type Checkpoint, Dropout, Embedding, init, LayerNorm } from "../../nn/index.js";
import { arange, type Tensor } from "../../tensor/index.js";
import { type FromPretrainedOptions, loadPretrained } from "../loading/from-pretrained.js";
import type { Architecture, MakeOptions } from "../shared/architecture.js";
import { checkEncoderValues, checkKeys, encoderKeys, type TableSizes } from "../shared/check-batch.js";
import { initWeights } from "../shared/init-weights.js";
import { PreTrainedModelBase } from "../shared/pretrained-model.js";
import { innerStates } from "../shared/states.js";
import type { BaseModelCall, BaseModelOutput, EncoderInputs } from "../shared/types.js";
import { type Gpt2Config, type Gpt2ConfigOptions, gpt2Config } from "./config.js";
import { causalMask, GPT2Block } from "./layers.js";

/** Sentence numbers are words of the vocabulary. */
export const tableSizes = (config: Gpt2Config): TableSizes => ({
  vocab_size: config.vocab_size,
  type_vocab_size: config.vocab_size,
  max_position_embeddings: config.n_positions,
});

/**
 * GPT-2 (https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf) without a head. Every token looks at itself and at what comes
 * before it. Positions are counted from the row's beginning, padding included: pad on the right, or give `position_ids`.
 *
 * @example
 * const model = await GPT2Model.fromPretrained("gpt2-folder");
 * const { last_hidden_state } = model({ input_ids: tensor([[15496, 995]], { dtype: "int64" }) });
 */
export class GPT2Model extends PreTrainedModelBase {
  readonly config: Gpt2Config;
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: readonly GPT2Block[];
  readonly ln_f: LayerNorm;
  /** Set by gradientCheckpointingEnable. */
  checkpoint: Checkpoint | undefined = undefined;

  constructor(config: Gpt2ConfigOptions | Gpt2Config, options: MakeOptions = {}) {
    super();
    this.config = gpt2Config(config);
    this.wte = new Embedding(this.config.vocab_size, this.config.n_embd, { weightInit: init.zeros });
    this.wpe = new Embedding(this.config.n_positions, this.config.n_embd, { weightInit: init.zeros });
    this.drop = new Dropout(this.config.embd_pdrop);
    this.h = Array.from({ length: this.config.n_layer }, (_, layer) => new GPT2Block(this.config, layer));
    this.ln_f = new LayerNorm(this.config.n_embd, { epsilon: this.config.layer_norm_epsilon });
    if (options.init !== false) initWeights(this, { std: this.config.initializer_range });
  }

  static readonly architecture: Architecture<GPT2Model, Gpt2Config> = {
    name: "GPT2Model",
    prefix: "transformer",
    config: gpt2Config,
    make: (config) => new GPT2Model(config, { init: false }),
  };

  /** Loads a folder with config.json and weights, or a model of the hub, with or without a head. */
  static fromPretrained(checkpoint: string, options: FromPretrainedOptions = {}): Promise<GPT2Model> {
    return loadPretrained(GPT2Model.architecture, checkpoint, options);
  }

  override inputEmbeddings(): Embedding {
    return this.wte;
  }

  forward(inputs: EncoderInputs): BaseModelOutput {
    checkKeys("GPT2Model", inputs, encoderKeys);
    const { input_ids: ids, attention_mask: padding, token_type_ids: types, position_ids: positions } = inputs;
    const words = this.wte(ids).add(this.wpe(positions ?? arange(ids.size(1))));
    let x = this.drop(types ? words.add(this.wte(types)) : words);
    const mask = causalMask(ids, padding);
    const hidden: Tensor[] = [];
    const attentions: Tensor[] = [];
    for (const block of this.h) {
      hidden.push(x);
      const output = block(this.checkpoint ? this.checkpoint(x) : x, mask);
      x = output.hidden;
      attentions.push(output.weights);
    }
    // The last of the hidden states is the normed one.
    const last = this.ln_f(x);
    return { last_hidden_state: last as Tensor<3, "float32">, ...innerStates(this.config, [...hidden, last], attentions) };
  }

  override checkCall(inputs: EncoderInputs): void {
    checkEncoderValues(inputs, tableSizes(this.config));
  }
}
export interface GPT2Model extends BaseModelCall {}
