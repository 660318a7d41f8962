// What a program wants to do around saving and loading.
import type { ModuleBase } from "../../nn/index.js";
import type { Weights } from "./capture.js";

/** What a hook sees before a checkpoint is written. */
export interface SaveStateHookContext {
  readonly models: readonly ModuleBase[];
  /** Weights of the models, in that order. What a hook takes out of a map, or puts into it, is not or is written. */
  readonly weights: readonly Weights[];
  /** Files that the main process puts here become part of the checkpoint. */
  readonly directory: string;
}
export type SaveStatePreHook = (context: SaveStateHookContext) => void | Promise<void>;

/** What a hook sees before a checkpoint is loaded. */
export interface LoadStateHookContext {
  /** A model that a hook takes out of the list is not loaded by us. */
  readonly models: ModuleBase[];
  readonly directory: string;
}
export type LoadStatePreHook = (context: LoadStateHookContext) => void | Promise<void>;

/** Hooks of one kind, in the order in which they were registered. */
export class Hooks<C> {
  readonly #hooks = new Set<(context: C) => void | Promise<void>>();

  /** Returns what takes the hook away. */
  add(hook: (context: C) => void | Promise<void>): () => void {
    // Twice the same function is two hooks.
    const own = (context: C): void | Promise<void> => hook(context);
    this.#hooks.add(own);
    return () => void this.#hooks.delete(own);
  }
  async run(context: C): Promise<void> {
    for (const hook of [...this.#hooks]) await hook(context);
  }
}
