// What was prepared, in order: what a checkpoint holds.
import type { RankLoader } from "../data/loader/rank-loader.js";
import type { ModuleBase } from "../nn/index.js";
import { type Optimizer, PlateauScheduler, SteppedScheduler } from "../optim/index.js";

/** A scheduler that follows no optimizer of ours: it is saved by itself. */
export interface SavedScheduler {
  stateDict(): unknown;
  loadStateDict(state: unknown): void;
}

/** The objects of a run, by kind. */
export interface SavedObjects {
  readonly models: readonly ModuleBase[];
  readonly optimizers: readonly Optimizer[];
  readonly loaders: readonly RankLoader<unknown>[];
  readonly schedulers: readonly object[];
}

/** Every object once, in the order in which it was prepared; the same on every worker. */
export class PreparedObjects implements SavedObjects {
  readonly models: ModuleBase[] = [];
  readonly optimizers: Optimizer[] = [];
  readonly loaders: RankLoader<unknown>[] = [];
  readonly schedulers: object[] = [];

  /** Takes an object in as what `prepare` took it for. */
  add(kind: "model" | "optimizer" | "loader" | "scheduler" | "batches", object: object): void {
    // Schedulers of ours are saved with the optimizer that they follow.
    if (object instanceof SteppedScheduler || object instanceof PlateauScheduler) return;
    const lists: { readonly [K in typeof kind]: object[] } = {
      model: this.models,
      optimizer: this.optimizers,
      loader: this.loaders,
      batches: this.loaders,
      scheduler: this.schedulers,
    };
    lists[kind].push(object);
  }
  /** Forgets all of them. */
  clear(): void {
    for (const list of [this.models, this.optimizers, this.loaders, this.schedulers]) list.length = 0;
  }
}
