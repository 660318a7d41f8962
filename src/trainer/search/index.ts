// A search for arguments that train well.
export { type BestRun, defaultObjective, hyperparameterSearch, type HyperparameterSearchOptions } from "./hyperparameter-search.js";
export type { SearchRange, SearchSpace } from "./space.js";
