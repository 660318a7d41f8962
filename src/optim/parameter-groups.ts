// The no-decay rule of transformers' Trainer: biases and the weights of normalisations are not decayed.
import type { Parameter } from "../tensor/index.js";
import { atLeastZero } from "./checks.js";
import type { ParamGroup } from "./groups.js";

/** What is asked of a model; every Module is one. */
export interface NamedModules {
  namedParameters(): Iterable<readonly [name: string, parameter: Parameter]>;
  namedModules(): Iterable<readonly [name: string, module: object]>;
}

/** Of transformers 5: get_decay_parameter_names in trainer.py. */
const noDecayNames = /bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)/i;

function isLayerNorm(module: object): boolean {
  for (let type = Object.getPrototypeOf(module); type && type !== Object.prototype; type = Object.getPrototypeOf(type))
    if (type.constructor?.name === "LayerNorm") return true;
  return false;
}

/** Names of the parameters that the rule decays. */
export function decayedNames(model: NamedModules): Set<string> {
  // As there: a model that is a LayerNorm itself goes by the names of its parameters.
  const norms = [...model.namedModules()].filter(([path, module]) => path !== "" && isLayerNorm(module)).map(([path]) => `${path}.`);
  const names = [...model.namedParameters()].map(([name]) => name);
  return new Set(names.filter((name) => !noDecayNames.test(name) && !norms.some((path) => name.startsWith(path))));
}

export interface ParameterGroupOptions {
  /** Of the parameters that are decayed. */
  readonly weightDecay: number;
  /** Their names; default: by the rule. */
  readonly decayed?: () => Iterable<string>;
  /** Which parameters belong to a group at all; default: all of them. */
  readonly includes?: (parameter: Parameter) => boolean;
}

/**
 * Two groups for an optimizer: what is decayed, and what is not (parameters of LayerNorms, and names that match
 * `bias|layernorm|rmsnorm|(^|.)norm($|.)|_norm($|.)`). Lazy layers are sorted in when they get their size.
 *
 * @example
 * const optimizer = new AdamW(parameterGroups(model, { weightDecay: 0.01 }), { lr: 5e-5 });
 */
export function parameterGroups(model: NamedModules, options: ParameterGroupOptions): ParamGroup[] {
  atLeastZero(options.weightDecay, "weight_decay value");
  const { decayed = () => decayedNames(model), includes = () => true } = options;
  const select = (decays: boolean): Iterable<Parameter> => ({
    *[Symbol.iterator]() {
      const names = new Set(decayed());
      for (const [name, parameter] of model.namedParameters()) if (names.has(name) === decays && includes(parameter)) yield parameter;
    },
  });
  return [
    { params: select(true), weightDecay: options.weightDecay },
    { params: select(false), weightDecay: 0 },
  ];
}
