// The largest batch that fits into memory: the sizes that are tried, and what is learnt from each.
import { AccelerateError, ArgumentError } from "../../errors.js";
import { returnMemory } from "./free-memory.js";

export interface BatchSizeOptions {
  /** The first size that is tried, and the largest; default 128. */
  readonly startingBatchSize?: number;
  /** The size after one that did not fit, instead of bisection: `(n) => Math.floor(n * 0.9)` is Accelerate's way. */
  readonly reduce?: (batchSize: number) => number;
  /** Told of each try, on the main process; default: a line on stderr. */
  readonly onTry?: (line: string) => void;
}

/** To be called once a batch size has shown that it fits: after the first optimizer step. All workers call it. */
export type Fits = () => Promise<void>;

/** One size after the other, tried by all workers alike. */
export interface Trial {
  /** Another try begins. */
  begin(): void;
  /** Returns when all workers have come here. @throws Error where memory has run out on one of them. */
  agree(): Promise<void>;
  /** Why memory has run out, here or on another worker, of which the others are told; undefined: the error is another one. */
  lack(error: unknown, batchSize: number): string | undefined;
  /** Forgets all that was made for a try. `broken`: the workers' calls no longer go together. */
  reset(broken: boolean): Promise<void>;
}

/** Thrown by `fits` where a larger size is to be tried: ends the body. */
class LargerNext extends AccelerateError {
  constructor(size: number) {
    super("ERR_BATCH_SIZE_FITS", `batch size ${size} fits, a larger one is tried`, { hint: "let this error pass through" });
  }
}

/** The search ends when the sizes known to fit and not to fit are as near as this part of the size. */
const precision = 16;

/** Which size comes next: halves until one fits, then the middle between the largest that fits and the smallest that does not. */
export class SizeSearch {
  readonly #reduce: BatchSizeOptions["reduce"];
  #fitting = 0;
  #failing: number | undefined;
  #size: number;

  constructor(start: number, reduce?: BatchSizeOptions["reduce"]) {
    if (!Number.isInteger(start) || start < 1) throw new ArgumentError(`startingBatchSize is ${start}`, { hint: "give a whole number from 1 on" });
    this.#size = start;
    this.#reduce = reduce;
  }

  /** The size to be tried; 0: none is left. */
  get size(): number {
    return this.#size;
  }
  /** Nothing larger is worth a try. */
  get settled(): boolean {
    const { bisecting } = this;
    return !bisecting || this.#failing! - this.#size <= Math.max(1, Math.floor(this.#size / precision));
  }
  /** The size has been seen to fit. */
  get confirmed(): boolean {
    return this.#size === this.#fitting;
  }
  get bisecting(): boolean {
    return this.#reduce === undefined && this.#failing !== undefined;
  }

  /** The size fits: the next one is larger. */
  larger(): void {
    this.#fitting = this.#size;
    this.#size = Math.floor((this.#fitting + this.#failing!) / 2);
  }
  /** The size does not fit: the next one is smaller. */
  smaller(): void {
    const tried = this.#size;
    this.#failing = tried;
    // A size that fitted for a step and not for a run was no lower bound either.
    if (this.#fitting >= tried) this.#fitting = 0;
    const near = tried - this.#fitting <= Math.max(1, Math.floor(this.#fitting / precision));
    const next = this.#reduce ? this.#reduce(tried) : near ? this.#fitting : Math.floor((this.#fitting + tried) / 2);
    if (!Number.isInteger(next) || next < 0 || next >= tried)
      throw new ArgumentError(`reduce(${tried}) is ${next}`, { hint: "it must return a smaller whole number, such as Math.floor(n * 0.9)" });
    this.#size = next;
  }
}

/** Runs the body with smaller and larger sizes, as the search says; each try on all workers. */
export async function searchBatchSize<V>(
  body: (batchSize: number, fits: Fits) => V | Promise<V>,
  search: SizeSearch,
  trial: Trial,
  tell: (line: string) => void,
): Promise<V> {
  for (;;) {
    const { size } = search;
    trial.begin();
    let [known, left] = [false, false];
    const agree = async (): Promise<void> => {
      await trial.agree();
      if (!known) tell(search.confirmed ? `going on with batch size ${size}` : `batch size ${size} fits`);
      known = true;
    };
    const fits = async (): Promise<void> => {
      if (known) return;
      await agree();
      left = !search.settled;
      if (left) throw new LargerNext(size);
    };
    try {
      const value = await body(size, fits);
      await agree();
      return value;
    } catch (error) {
      const reason = trial.lack(error, size);
      if (reason === undefined && !left) throw error;
      if (reason !== undefined) tell(`batch size ${size} does not fit (${reason})`);
      // First, so that also a search that ends here leaves groups that can be used.
      await trial.reset(reason !== undefined);
      if (reason === undefined) search.larger();
      else search.smaller();
      if (search.size === 0) throw new AccelerateError("ERR_NO_BATCH_SIZE", "No executable batch size found, reached zero.", { cause: error });
    }
    await returnMemory();
  }
}
