// NEFTune: noise on the embeddings of words while a model trains (https://arxiv.org/abs/2310.05914).
import { ArgumentError } from "../../errors.js";
import { dropout, Embedding, type ModuleBase } from "../../nn/index.js";
import { full, type Parameter, type Tensor, zeros } from "../../tensor/index.js";

/** Binary digits of the noise. */
const digits = 16;

/**
 * An Embedding that adds U(-alpha, alpha) / sqrt(L * D) to what it looks up, in training mode. It has the table itself, so names and saved weights are those of the Embedding that it stands for.
 *
 * The numbers are drawn digit by digit by the same counter-based generator as dropout masks: they depend on seed, rank and step alone, and are the same after a resume.
 */
class NoisyEmbedding extends Embedding {
  readonly alpha: number;

  constructor(table: Embedding, alpha: number) {
    // Nothing is drawn for a table that is not kept.
    super(1, 1, { weightInit: (shape) => zeros(shape) });
    this.alpha = alpha;
    (this as { weight: Parameter }).weight = table.weight;
    (this as { paddingIdx: number | undefined }).paddingIdx = table.paddingIdx;
    this.train(table.training);
  }
  override forward(ids: Tensor): Tensor {
    const vectors = super.forward(ids);
    if (!this.training) return vectors;
    const [length, size] = [ids.rank - 1, this.weight.shape[1]!];
    const sizes = Array.from({ length: ids.rank }, (_, i) => ids.size(i));
    const ones = full([...sizes, size], 1) as Tensor;
    let uniform: Tensor = ones.mul(2 ** -digits - 1);
    // Of a one, dropout with p = 0.5 makes 0 or 2.
    for (let digit = 1; digit <= digits; digit++) uniform = uniform.add(dropout(ones, { p: 0.5, training: true }).mul(2 ** -digit));
    // How long the batch is, as a number of the graph.
    const elements = full([ids.size(length)], 1)
      .sum()
      .mul(size) as Tensor;
    return vectors.add(uniform.mul(this.alpha).div(elements.sqrt()));
  }
}

interface WithTable {
  inputEmbeddings(): Embedding;
}

/** The module that holds a table in one of its fields, and the field. */
function holderOf(model: ModuleBase, table: Embedding): readonly [holder: Record<string, unknown>, field: string] | undefined {
  for (const module of model.modules()) {
    const fields = module as unknown as Record<string, unknown>;
    for (const field of Object.keys(fields)) if (fields[field] === table) return [fields, field];
  }
  return undefined;
}

/** Runs a body while the model's table of words adds noise in training mode; without alpha just the body. @throws ArgumentError for a model that does not say which table it is */
export async function withNeftune<V>(model: ModuleBase, alpha: number | undefined, body: () => Promise<V>): Promise<V> {
  if (alpha === undefined) return body();
  const table = "inputEmbeddings" in model && typeof model.inputEmbeddings === "function" ? (model as unknown as WithTable).inputEmbeddings() : undefined;
  const found = table instanceof Embedding ? holderOf(model, table) : undefined;
  if (!found || !table)
    throw new ArgumentError(`neftuneNoiseAlpha: ${model.constructor.name} does not say which table its words are in`, {
      code: "ERR_TRAINER_NEFTUNE",
      hint: "give it a method inputEmbeddings() that returns an Embedding in one of its fields, or leave neftuneNoiseAlpha out",
    });
  const [holder, field] = found;
  holder[field] = new NoisyEmbedding(table, alpha);
  try {
    return await body();
  } finally {
    holder[field] = table;
  }
}
