// BERT as the book builds it: ReLU, normalisation behind each block, learnt positions. Fields carry the names of its state dict.
import { ShapeError } from "../errors.js";
import { Dropout, Embedding, init, LayerNorm, Linear, Module, Parameter, ReLU, Sequential, Tanh } from "../nn/index.js";
import { checkSize } from "../nn/linear.js";
import { sizesInCall } from "../nn/sizes.js";
import type { Tensor } from "../tensor/index.js";
import { MultiHeadAttention } from "./attention.js";

/** Sizes of the book's BERT. */
export interface BertOptions {
  /** Size of the vectors. */
  readonly numHiddens: number;
  readonly ffnNumHiddens: number;
  readonly numHeads: number;
  readonly numBlks: number;
  readonly dropout: number;
  /** Positions there are; default 1000. */
  readonly maxLen?: number;
}

/**
 * LayerNorm(x + dropout(y)).
 *
 * @example
 * const y = new AddNorm(24, 0.5)(x, attended);
 */
export class AddNorm extends Module {
  readonly dropout: Dropout;
  readonly ln: LayerNorm;
  constructor(size: number, dropout: number) {
    super();
    this.dropout = new Dropout(dropout);
    this.ln = new LayerNorm(size);
  }
  forward(x: Tensor, y: Tensor): Tensor {
    return this.ln(this.dropout(y).add(x));
  }
}

/**
 * dense2(relu(dense1(x))), the same at every position.
 *
 * @example
 * const y = new PositionWiseFFN(24, 48)(x);
 */
export class PositionWiseFFN extends Module {
  readonly dense1: Linear;
  readonly dense2: Linear;
  constructor(numHiddens: number, ffnNumHiddens: number) {
    super();
    this.dense1 = new Linear(numHiddens, ffnNumHiddens);
    this.dense2 = new Linear(ffnNumHiddens, numHiddens);
  }
  forward(x: Tensor): Tensor {
    return this.dense2(this.dense1(x).relu());
  }
}

/**
 * A block of the encoder: attention and feed-forward, each with its residual connection.
 *
 * @example
 * const block = new TransformerEncoderBlock({ numHiddens: 24, ffnNumHiddens: 48, numHeads: 8, dropout: 0.5 });
 * block(x, validLens).shape; // that of x
 */
export class TransformerEncoderBlock extends Module {
  readonly attention: MultiHeadAttention;
  readonly addnorm1: AddNorm;
  readonly ffn: PositionWiseFFN;
  readonly addnorm2: AddNorm;
  constructor({ numHiddens, ffnNumHiddens, numHeads, dropout }: Omit<BertOptions, "numBlks" | "maxLen">, options: { readonly bias?: boolean } = {}) {
    super();
    this.attention = new MultiHeadAttention(numHiddens, numHeads, dropout, options);
    this.addnorm1 = new AddNorm(numHiddens, dropout);
    this.ffn = new PositionWiseFFN(numHiddens, ffnNumHiddens);
    this.addnorm2 = new AddNorm(numHiddens, dropout);
  }
  /** x [B, S, H], validLens [B]: [B, S, H]. */
  forward(x: Tensor, validLens?: Tensor): Tensor {
    const y = this.addnorm1(x, this.attention(x, x, x, validLens));
    return this.addnorm2(y, this.ffn(y));
  }
}
/** The block's name in the book's older editions. */
export const EncoderBlock = TransformerEncoderBlock;
export type EncoderBlock = TransformerEncoderBlock;

/**
 * Tokens to vectors that know their neighbours. Nothing is normalised or dropped before the first block.
 *
 * @example
 * const encoder = new BERTEncoder(10000, { numHiddens: 768, ffnNumHiddens: 1024, numHeads: 4, numBlks: 2, dropout: 0.2 });
 * encoder(tokens, segments).shape; // [2, 8, 768]
 */
export class BERTEncoder extends Module {
  readonly token_embedding: Embedding;
  readonly segment_embedding: Embedding;
  readonly blks: readonly TransformerEncoderBlock[];
  /** [1, maxLen, H]. */
  readonly pos_embedding: Parameter<3>;

  constructor(vocabSize: number, options: BertOptions) {
    super();
    const { numHiddens, numBlks, maxLen = 1000 } = options;
    checkSize("BERTEncoder", "numBlks", numBlks);
    checkSize("BERTEncoder", "maxLen", maxLen);
    this.token_embedding = new Embedding(vocabSize, numHiddens);
    this.segment_embedding = new Embedding(2, numHiddens);
    this.blks = Array.from({ length: numBlks }, () => new TransformerEncoderBlock(options, { bias: true }));
    this.pos_embedding = new Parameter(init.normal([1, maxLen, numHiddens]) as Tensor<3, "float32">);
  }

  /** tokens and segments [B, S] int64, validLens [B]: [B, S, H]. */
  forward(tokens: Tensor, segments: Tensor, validLens?: Tensor): Tensor {
    const [length, maxLen] = [sizesInCall(tokens).at(-1), this.pos_embedding.shape[1]!];
    if (length !== undefined && length > maxLen)
      throw new ShapeError(`BERTEncoder: rows of ${length} tokens, there are ${maxLen} positions`, { hint: "cut the rows, or give a larger maxLen" });
    const positions = this.pos_embedding.narrow(1, 0, tokens.size(1));
    let x = this.token_embedding(tokens).add(this.segment_embedding(segments)).add(positions) as Tensor;
    for (const block of this.blks) x = block(x, validLens);
    return x;
  }
}

/**
 * Scores of every token of the vocabulary at positions of masked ones.
 *
 * @example
 * const scores = new MaskLM(10000, 768)(encoded, tensor([[1, 5, 2], [6, 1, 5]], { dtype: "int64" })); // [2, 3, 10000]
 */
export class MaskLM extends Module {
  readonly mlp: Sequential;
  constructor(vocabSize: number, numHiddens: number) {
    super();
    this.mlp = new Sequential(new Linear(numHiddens, numHiddens), new ReLU(), new LayerNorm(numHiddens), new Linear(numHiddens, vocabSize));
  }
  /** x [B, S, H], positions [B, P] int64: [B, P, V]. */
  forward(x: Tensor, positions: Tensor): Tensor {
    return this.mlp(x.gather(1, positions.unsqueeze(-1).expand([-1, -1, x.size(2)])));
  }
}

/**
 * Whether the second sentence follows the first: [B, H] to [B, 2].
 *
 * @example
 * const scores = new NextSentencePred(768)(hidden);
 */
export class NextSentencePred extends Module {
  readonly output: Linear;
  constructor(numHiddens: number) {
    super();
    this.output = new Linear(numHiddens, 2);
  }
  forward(x: Tensor): Tensor {
    return this.output(x);
  }
}

/**
 * tanh(dense(first token)).
 *
 * @example
 * const pooled = bert.hidden(encoded.at(":", 0));
 */
export class Hidden extends Sequential {
  constructor(numHiddens: number) {
    super(new Linear(numHiddens, numHiddens), new Tanh());
  }
}

/**
 * The book's BERT with the two heads that it is pretrained with.
 *
 * @example
 * const bert = new BERTModel(vocab.length, { numHiddens: 256, ffnNumHiddens: 512, numHeads: 4, numBlks: 2, dropout: 0.1, maxLen: 512 });
 * const [encoded, , isNext] = bert(tokens, segments, validLens);
 */
export class BERTModel extends Module {
  readonly encoder: BERTEncoder;
  readonly hidden: Hidden;
  readonly mlm: MaskLM;
  readonly nsp: NextSentencePred;

  constructor(vocabSize: number, options: BertOptions) {
    super();
    this.encoder = new BERTEncoder(vocabSize, options);
    this.hidden = new Hidden(options.numHiddens);
    this.mlm = new MaskLM(vocabSize, options.numHiddens);
    this.nsp = new NextSentencePred(options.numHiddens);
  }

  /** The encoded tokens, the scores of masked ones where positions are given, and those of the next sentence. */
  forward(tokens: Tensor, segments: Tensor, validLens?: Tensor, predPositions?: Tensor): [encoded: Tensor, mlm: Tensor | undefined, nsp: Tensor] {
    const encoded = this.encoder(tokens, segments, validLens);
    const masked = predPositions && this.mlm(encoded, predPositions);
    return [encoded, masked, this.nsp(this.hidden(encoded.at(":", 0)))];
  }
}
