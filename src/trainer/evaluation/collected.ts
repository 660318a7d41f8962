// What an evaluation keeps of its batches: losses by row, and tensors that are put together once, at the end.
import { fromData, type Tensor } from "../../tensor/index.js";
import type { Predictions } from "./eval-prediction.js";
import { concatenated } from "./nested.js";

/** Tensors of all batches. */
export class CollectedTensors {
  readonly #path: string;
  readonly #concat: boolean;
  readonly #batches: Predictions[] = [];

  constructor(path: string, options: { readonly concat: boolean }) {
    this.#path = path;
    this.#concat = options.concat;
  }
  add(batch: Predictions | undefined): void {
    if (batch !== undefined) this.#batches.push(batch);
  }
  /** Of all rows; a list of batches where they are not to be put together. Lets go of the batches. */
  take(): Predictions | undefined {
    const batches = this.#batches.splice(0);
    if (batches.length === 0) return undefined;
    return this.#concat ? concatenated(batches, this.#path) : batches;
  }
}

/** The mean loss of its batch for each row. */
export class CollectedLosses {
  readonly #parts: Float32Array<ArrayBuffer>[] = [];

  add(losses: Float32Array<ArrayBuffer>): void {
    this.#parts.push(losses);
  }
  get rows(): number {
    return this.#parts.reduce((sum, { length }) => sum + length, 0);
  }
  /** The mean over all rows; with `finite` over those that are finite numbers, if there are any. Undefined without losses. */
  mean({ finite }: { readonly finite: boolean }): number | undefined {
    let [sum, count, finiteSum, finiteCount] = [0, 0, 0, 0];
    for (const part of this.#parts)
      for (const loss of part) {
        sum += loss;
        count++;
        if (!Number.isFinite(loss)) continue;
        finiteSum += loss;
        finiteCount++;
      }
    if (count === 0) return this.#parts.length === 0 ? undefined : Number.NaN;
    return finite && finiteCount > 0 ? finiteSum / finiteCount : sum / count;
  }
  /** As they are given to computeMetrics. */
  predictions({ concat }: { readonly concat: boolean }): Predictions {
    return concat ? this.#joined() : this.#parts.map((part) => fromData(part, [part.length]));
  }
  #joined(): Tensor<1, "float32"> {
    const out = new Float32Array(this.rows);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return fromData(out, [out.length]);
  }
}
