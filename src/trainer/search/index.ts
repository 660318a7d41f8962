// A search for arguments that train well.
export type { AskFunction, SearchBackend } from "./backends.js";
export type { CategoricalDistribution, Distribution, FloatDistribution, IntDistribution, TrialValue } from "./distribution.js";
export { hyperparameterSearch } from "./hyperparameter-search.js";
export { defaultComputeObjective } from "./objective.js";
export type { BestRun, ComputeObjective, HyperparameterSearchOptions } from "./options.js";
export { MedianPruner, type MedianPrunerOptions, type Pruner, type SearchDirection } from "./pruners.js";
export { defaultHpSpace, type SearchFunction, type SearchLists, type SearchRange } from "./spaces.js";
export { type FinishedTrial, type FloatOptions, Trial, trialOf, type TrialOutcome, type TrialParams } from "./trial.js";
export type { TrialRun } from "./trial-run.js";
