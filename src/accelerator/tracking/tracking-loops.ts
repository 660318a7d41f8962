// What of a program's loops belongs to its training steps: evaluations do not, nor does what lies between two loops.
import type { RankLoader } from "../../data/loader/rank-loader.js";
import { Tensor } from "../../tensor/index.js";
import type { StepTimer, TimerMark } from "../../tracking/step-timer.js";
import type { LoopWatcher } from "../loaders/active-loaders.js";

interface Loop {
  readonly loader: RankLoader<unknown>;
  readonly begin: TimerMark;
  trains: boolean;
  batch: unknown;
  /** The batch in use was worked through: what further backward passes do with it is no more work of other samples. */
  counted: boolean;
}

/** Ones of an attention mask, in its first rows; without a mask all places of the ids. Undefined for batches that hold neither. */
export function tokensIn(batch: unknown, rows: number): number | undefined {
  if (typeof batch !== "object" || batch === null) return undefined;
  const { attention_mask: mask, input_ids: ids } = batch as Readonly<Record<string, unknown>>;
  const x = mask ?? ids;
  if (!(x instanceof Tensor) || x.state.kind !== "concrete" || x.shape.length === 0) return undefined;
  const { data, shape } = x.state;
  const all = rows * (data.length / Math.max(1, shape[0]!));
  if (mask === undefined) return all;
  // Of an int64 the lower half, where ones and zeros are.
  const wide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const numbers = wide ? new Int32Array(data.buffer, data.byteOffset, data.length * 2) : (data as Exclude<typeof data, BigInt64Array | BigUint64Array>);
  const stride = wide ? 2 : 1;
  let sum = 0;
  for (let i = 0; i < all * stride; i += stride) sum += numbers[i]!;
  return sum;
}

export class TrainingLoops implements LoopWatcher {
  readonly #timer: StepTimer;
  readonly #loops: Loop[] = [];

  constructor(timer: StepTimer) {
    this.#timer = timer;
  }

  begin(loader: RankLoader<unknown>): void {
    if (this.#loops.length === 0) this.#timer.resume();
    this.#loops.push({ loader, begin: this.#timer.mark(), trains: false, batch: undefined, counted: false });
  }
  batch(loader: RankLoader<unknown>, batch: unknown, waitedMs: number): void {
    const loop = this.#loops.findLast((l) => l.loader === loader);
    if (!loop) return;
    loop.batch = batch;
    loop.counted = false;
    this.#timer.spent("data", waitedMs);
  }
  end(loader: RankLoader<unknown>): void {
    const at = this.#loops.findLastIndex((l) => l.loader === loader);
    const [loop] = at < 0 ? [] : this.#loops.splice(at, 1);
    if (loop && !loop.trains) this.#timer.leaveOut(loop.begin);
    if (this.#loops.length === 0) this.#timer.pause();
  }

  /** A step is made: the loops that run are no evaluations. */
  step(): void {
    for (const loop of this.#loops) loop.trains = true;
  }
  /** A backward is made for the batch in use. */
  backward(rows: number | undefined): void {
    this.step();
    const innermost = this.#loops.at(-1);
    if (!innermost || innermost.counted || rows === undefined) return;
    innermost.counted = true;
    const tokens = tokensIn(innermost.batch, rows);
    this.#timer.count({ samples: rows, ...(tokens !== undefined && { tokens }) });
  }
}
