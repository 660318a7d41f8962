// Which prepared loader the program is iterating: the innermost one says whether its last batch is in use and how many of its rows count.
import type { BatchInUse, RankLoader } from "../../data/loader/rank-loader.js";

/** Told of the loops over prepared loaders. */
export interface LoopWatcher {
  begin(loader: RankLoader<unknown>): void;
  /** A batch is given out, which was waited for so long. */
  batch(loader: RankLoader<unknown>, batch: unknown, waitedMs: number): void;
  end(loader: RankLoader<unknown>): void;
}

/** A stack: an evaluation inside a training loop never disturbs the outer one. */
export class ActiveLoaders {
  readonly #stack: RankLoader<unknown>[] = [];
  readonly #followed: RankLoader<unknown>[] = [];
  readonly #unfollow: (() => void)[] = [];
  #training: RankLoader<unknown> | undefined;
  /** The batch of the last backward. */
  #used: BatchInUse | undefined;
  /** Set before loaders are followed. */
  watcher: LoopWatcher | undefined;

  /** Follows a loader's iterations from now on. */
  follow(loader: RankLoader<unknown>): void {
    this.#followed.push(loader);
    this.#unfollow.push(this.listen(loader));
  }
  /** The same for a loop that is no part of the training: no checkpoint knows of its loader. Returns what ends it. */
  listen(loader: RankLoader<unknown>): () => void {
    const loops = loader.onIterate((event) => {
      if (event === "begin") this.#stack.push(loader);
      else this.#stack.splice(this.#stack.lastIndexOf(loader), 1);
      this.watcher?.[event](loader);
    });
    const batches = this.watcher && loader.onBatch((batch, waitedMs) => this.watcher?.batch(loader, batch, waitedMs));
    return () => {
      loops();
      batches?.();
    };
  }
  /** Follows no loader any more. */
  clear(): void {
    for (const unfollow of this.#unfollow) unfollow();
    for (const list of [this.#unfollow, this.#followed, this.#stack]) list.length = 0;
    this.#training = undefined;
  }
  /** Those that were prepared, in that order. */
  get followed(): readonly RankLoader<unknown>[] {
    return this.#followed;
  }
  /** Those that are not being iterated. */
  get idle(): readonly RankLoader<unknown>[] {
    return this.#followed.filter((loader) => !this.#stack.includes(loader));
  }
  /** The loader of the innermost loop. */
  get innermost(): RankLoader<unknown> | undefined {
    return this.#stack.at(-1);
  }
  /** The batch that the innermost loop works on. */
  get current(): BatchInUse | undefined {
    return this.#stack.at(-1)?.current;
  }
  /** The last batch of an epoch is in use. */
  get endOfLoader(): boolean {
    return this.current?.last ?? false;
  }
  /** The innermost loop ends without a backward of its batch: a checkpoint that is saved now goes on with it. */
  unread(): void {
    if (this.current !== this.#used) this.#stack.at(-1)?.unread();
  }
  /** A backward is made: the loader of the innermost loop is the one that trains. Outside of loops it stays the one that it was. */
  noteBackward(): void {
    this.#used = this.current;
    this.#training = this.#stack.at(-1) ?? this.#training;
  }
  /** The loader whose loop made the last backward; before that the first one that was prepared. */
  get training(): RankLoader<unknown> | undefined {
    return this.#training ?? this.#followed[0];
  }
  /** A checkpoint's. */
  set training(loader: RankLoader<unknown> | undefined) {
    this.#training = loader;
  }
}
