// The first part of BERT: words, positions and sentence numbers become vectors.
import { Dropout, Embedding, init, LayerNorm, Module } from "../../nn/index.js";
import { arange } from "../../tensor/index.js";
import type { Tensor } from "../../tensor/index.js";
import type { EncoderInputs } from "../shared/types.js";
import type { BertLikeConfig } from "./config.js";

/** Sum of three table rows per token, normalised: [B, S] to [B, S, H]. */
export class BertEmbeddings extends Module {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly token_type_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  /** @param positionPadding a position that is zero and is not trained */
  constructor(config: BertLikeConfig, positionPadding?: number) {
    super();
    const table = (count: number, paddingIdx?: number) => new Embedding(count, config.hidden_size, { paddingIdx, weightInit: init.zeros });
    this.word_embeddings = table(config.vocab_size, config.pad_token_id ?? undefined);
    this.position_embeddings = table(config.max_position_embeddings, positionPadding);
    this.token_type_embeddings = table(config.type_vocab_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { epsilon: config.layer_norm_eps });
    this.dropout = new Dropout(config.hidden_dropout_prob);
  }

  forward(inputs: EncoderInputs): Tensor {
    const { input_ids: ids, token_type_ids: types, position_ids: positions } = inputs;
    const words = this.word_embeddings(ids);
    // Without sentence numbers all tokens are of sentence 0: its row [1, H] is added to every token.
    const sentences = types ? this.token_type_embeddings(types) : this.token_type_embeddings.weight.narrow(0, 0, 1);
    const places = this.position_embeddings(positions ?? this.positionsOf(ids));
    return this.dropout(this.LayerNorm(words.add(sentences).add(places)));
  }

  /** Positions where the batch gives none: [S], or [B, S]. */
  positionsOf(ids: Tensor): Tensor {
    return arange(ids.size(1));
  }
}
