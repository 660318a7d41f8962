// The micro-batches whose gradients make one step: how many there are, and what each weighs.
import { ArgumentError } from "../../errors.js";

/** What divides the sum of a window's gradients: the micro-batches that it really has, or those that were configured, as Accelerate does. */
export type DivideBy = "window" | "configured";

/** A window as a checkpoint keeps it. */
export interface WindowState {
  /** Micro-batches so far. */
  readonly bodies: number;
  /** What they weigh together. */
  readonly weight: number;
  /** Whether one of them was given a weight. */
  readonly weighted: boolean;
}

/** Counts and weighs the micro-batches between two steps: bodies of `accumulate`, or (`counts` "backwards") the backward passes of a loop that counts for itself. */
export class Window {
  readonly #counts: "bodies" | "backwards";
  #bodies = 0;
  /** Of the micro-batches that are done. */
  #done = 0;
  #open = false;
  /** Of the open one; undefined until a backward has said it. */
  #said: number | undefined;
  #weighted = false;
  /** Its step may be made; the next body opens another window. */
  complete = false;

  constructor(counts: "bodies" | "backwards", state?: WindowState) {
    this.#counts = counts;
    if (!state) return;
    this.#bodies = state.bodies;
    this.#done = state.weight;
    this.#weighted = state.weighted;
  }

  get counts(): "bodies" | "backwards" {
    return this.#counts;
  }
  get bodies(): number {
    return this.#bodies;
  }
  /** A micro-batch behind the first is open. */
  get continues(): boolean {
    return this.#counts === "bodies" && this.#open && this.#bodies > 1;
  }
  /** The open one had a backward. */
  get begun(): boolean {
    return this.#said !== undefined;
  }
  /** The next micro-batch begins: it weighs 1 until a backward says otherwise. */
  begin(): void {
    this.end();
    this.#bodies++;
    this.#open = true;
  }
  /** The open one was none. */
  takeBack(): void {
    if (this.#open) this.#bodies--;
    this.#open = false;
  }
  end(): void {
    if (this.#open) this.#done += this.#said ?? 1;
    this.#open = false;
    this.#said = undefined;
  }

  /** Refuses the weight of a backward that contradicts one before it in the same micro-batch. */
  check(weight: number | undefined): void {
    if (weight !== undefined && !(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new ArgumentError(`backward: weight is ${weight}`, { hint: "give a finite number of at least 0: the tokens or rows that the loss is the mean of" });
    if (this.#counts === "backwards" || this.#said === undefined || this.#said === (weight ?? 1)) return;
    throw new ArgumentError(`backward: weight ${weight ?? 1} after ${this.#said} in the same body of accumulate`, {
      code: "ERR_WEIGHTS",
      hint: "a micro-batch has one weight: give the same to each of its backward calls, or add the losses up before one call",
    });
  }
  /** A backward was made. */
  weigh(weight: number | undefined): void {
    if (this.#counts === "backwards") this.begin();
    this.#said = weight ?? 1;
    if (weight !== undefined) this.#weighted = true;
  }

  /**
   * What the sum of the gradients is divided by, this worker's part: the weights, where one was said; else the number of micro-batches (or of those configured). A loop that counts
   * for itself, without `accumulate` and without weights, is taken at its word.
   */
  weight(steps: number, by: DivideBy): number {
    if (this.#weighted) return this.#done + (this.#open ? (this.#said ?? 1) : 0);
    return by === "configured" || this.#counts === "backwards" ? steps : Math.max(1, this.#bodies);
  }

  state(): WindowState {
    if (this.complete) return { bodies: 0, weight: 0, weighted: false };
    return { bodies: this.#bodies, weight: this.#done + (this.#open ? (this.#said ?? 1) : 0), weighted: this.#weighted };
  }
}
