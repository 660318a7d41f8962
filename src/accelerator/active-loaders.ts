// Which prepared loader the program is iterating: the innermost one says whether its last batch is in use and how many of its rows count.
import type { BatchInUse, RankLoader } from "../data/rank-loader.js";

/** A stack: an evaluation inside a training loop never disturbs the outer one. */
export class ActiveLoaders {
  readonly #stack: RankLoader<unknown>[] = [];

  /** Follows a loader's iterations from now on. */
  follow(loader: RankLoader<unknown>): void {
    loader.onIterate((event) => {
      if (event === "begin") this.#stack.push(loader);
      else this.#stack.splice(this.#stack.lastIndexOf(loader), 1);
    });
  }
  /** The batch that the innermost loop works on. */
  get current(): BatchInUse | undefined {
    return this.#stack.at(-1)?.current;
  }
  /** The last batch of an epoch is in use. */
  get endOfLoader(): boolean {
    return this.current?.last ?? false;
  }
}
