// What all models of the library share: a config, saving, counting, and other sizes of the vocabulary.
import { Checkpoint, Embedding, type Linear, ModuleBase, type Parameter } from "../../nn/index.js";
import { moduleTensors } from "../../nn/module-file.js";
import { saveShards } from "../../safetensors/index.js";
import { type PretrainedConfig, saveConfig } from "../loading/config.js";
import { type ResizeOptions, resizeEmbeddings } from "./resize-embeddings.js";
import type { ModelOutput, UnknownBatch } from "./types.js";

export interface CountOptions {
  /** Frozen parameters do not count; default false. */
  readonly onlyTrainable?: boolean;
  /** Tables of vectors do not count, nor what is tied to them; default false. */
  readonly excludeEmbeddings?: boolean;
}

/** Layers one after the other, whose inputs may be all that is kept of them. */
interface Stack {
  checkpoint: Checkpoint | undefined;
}
const isStack = (module: ModuleBase): module is ModuleBase & Stack => Object.hasOwn(module, "checkpoint");

/** A model with a config; its classes add their typed call. */
export abstract class PreTrainedModelBase extends ModuleBase {
  abstract readonly config: PretrainedConfig;
  abstract override forward(batch: never): unknown;

  /** The table of the words. */
  abstract inputEmbeddings(): Embedding;
  /** The map from hidden states to words, of a language model. */
  outputEmbeddings(): Linear | undefined {
    return undefined;
  }
  /** A number for each word that a head holds beside that map; where the map is the table of the words, it is the map's bias under another name. */
  outputBias(): Parameter<1> | undefined {
    return undefined;
  }

  /**
   * Writes config.json and model.safetensors into a folder, which Python's transformers and `fromPretrained` load. Weights of more than `maxShardSize` ("10GB") become several files and an index.
   *
   * @example
   * await model.savePretrained("my-model"); // Python: AutoModelForSequenceClassification.from_pretrained("my-model")
   */
  async savePretrained(directory: string, options: { readonly maxShardSize?: number | string | undefined } = {}): Promise<void> {
    const { torch_dtype: _, ...config } = this.config;
    // Weights first: a folder with a config but without its weights would look like a model.
    await saveShards(directory, await moduleTensors(this), options);
    await saveConfig(directory, { ...config, dtype: "float32" } as PretrainedConfig, this.constructor.name);
  }

  /**
   * How many numbers are trained, tied ones once.
   *
   * @example
   * console.log(model.numParameters().toLocaleString("en-US")); // 109,483,778
   */
  numParameters(options: CountOptions = {}): number {
    const tables = new Set<Parameter>(options.excludeEmbeddings ? embeddingTables(this) : []);
    let sum = 0;
    for (const p of this.parameters()) if (!(options.onlyTrainable && !p.requiresGrad) && !tables.has(p)) sum += p.shape.reduce((a, b) => a * b, 1);
    return sum;
  }

  /**
   * Keeps only the input of each layer for the backward pass, which computes the rest again: about a third more time, a fraction of the memory. Losses and gradients stay the same.
   *
   * @example
   * model.gradientCheckpointingEnable();
   */
  gradientCheckpointingEnable(): this {
    for (const module of this.modules()) if (isStack(module)) module.checkpoint ??= new Checkpoint();
    return this;
  }
  /** Keeps everything for the backward pass again. */
  gradientCheckpointingDisable(): this {
    for (const module of this.modules()) if (isStack(module)) module.checkpoint = undefined;
    return this;
  }
  /** Whether layers are computed again in the backward pass. */
  get isGradientCheckpointing(): boolean {
    return [...this.modules()].some((module) => isStack(module) && module.checkpoint !== undefined);
  }

  /**
   * Gives the vocabulary another size: rows are cut off at the end, or new ones are put there, around the mean of the old ones (`meanResizing: false`: drawn as in a new model).
   * A tied output follows. To be called before an optimizer takes the parameters in: the tables are new ones.
   *
   * @throws ArgumentError for a size that is none
   * @example
   * model.resizeTokenEmbeddings(tokenizer.length, { padToMultipleOf: 8 });
   */
  resizeTokenEmbeddings(newSize: number, options: ResizeOptions = {}): Embedding {
    return resizeEmbeddings(this, newSize, options);
  }
}

const embeddingTables = function* (model: ModuleBase) {
  for (const module of model.modules()) if (module instanceof Embedding) yield module.weight;
};

/** Any model for a task: what a function that trains every model takes. */
export interface PreTrainedModel extends PreTrainedModelBase {
  (batch: UnknownBatch): ModelOutput;
}
