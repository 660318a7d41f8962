// How a class of models is made from a config.
import type { PretrainedConfig } from "../loading/config.js";
import { initWeights } from "./init-weights.js";
import type { PreTrainedModelBase } from "./pretrained-model.js";

export interface Architecture<M extends PreTrainedModelBase, C extends PretrainedConfig = PretrainedConfig> {
  /** The class, as in config.json's `architectures`. */
  readonly name: string;
  /** The field that holds the base model in models with a head: `bert`. */
  readonly prefix: string;
  /** Checks a config; errors name `where`. */
  config(raw: Readonly<Record<string, unknown>>, where: string, numLabels?: number): C;
  /** A model whose weights are not set yet. */
  make(config: C): M;
}

/** @internal */
export interface MakeOptions {
  /** false leaves the weights unset, for one that sets them itself. */
  readonly init?: boolean;
}
/** @internal */
export interface MakeBaseOptions extends MakeOptions {
  /** Whether there is a pooler on top; default true. */
  readonly pooler?: boolean;
}

/** Standard deviation of a config's new weights. */
export const stdOf = (config: PretrainedConfig): number => (typeof config.initializer_range === "number" ? config.initializer_range : 0.02);

/** A model with random weights, in training mode. */
export function freshModel<M extends PreTrainedModelBase, C extends PretrainedConfig>(
  architecture: Architecture<M, C>,
  config: Readonly<Record<string, unknown>>,
): M {
  const checked = architecture.config(config, architecture.name);
  const model = architecture.make(checked);
  initWeights(model, { std: stdOf(checked) });
  return model;
}
