// Gradient accumulation: which backward passes belong to one optimizer step, and which are not brought together at all.
import { AccelerateError, ArgumentError } from "../../errors.js";
import { StoppedError } from "../stopping.js";
import { type DivideBy, Window, type WindowState } from "./micro-batches.js";

export interface GradientAccumulationPlugin {
  /** Bodies of `accumulate` per optimizer step; default 1. */
  readonly numSteps?: number;
  /** Under `schedulerStepping: "process"`: bodies without a step count towards the total at which a OneCycleScheduler stops. Default false, which is what Accelerate's default comes to. */
  readonly adjustScheduler?: boolean;
  /** The last batch of a loader ends a window; default true. */
  readonly syncWithDataloader?: boolean;
  /** `parameter.grad` is the mean over all workers after every micro-batch, not only after the last of a window. Default false. */
  readonly syncEachBatch?: boolean;
  /** What divides the sum of a window's gradients: "window" (default) the micro-batches that it has, also when it is a short last one; "configured" numSteps, as Accelerate does. */
  readonly divideBy?: DivideBy;
}

/** What a checkpoint keeps of an open window, of each worker. */
export interface AccumulationState {
  readonly window: WindowState;
  /** `syncGradients`. */
  readonly syncs?: boolean;
}

const wholeSteps = (steps: number): number => {
  if (Number.isInteger(steps) && steps >= 1) return steps;
  throw new ArgumentError(`gradientAccumulationSteps is ${steps}`, { hint: "give a whole number of at least 1" });
};

/** The plugin of an Accelerator: what the program says, with the launcher's steps where it says nothing about them. */
export function accumulationOf(
  own: { readonly gradientAccumulationSteps?: number; readonly gradientAccumulationPlugin?: GradientAccumulationPlugin },
  configured: { readonly gradientAccumulationSteps?: number },
): GradientAccumulationPlugin {
  const { gradientAccumulationPlugin: plugin = {}, gradientAccumulationSteps } = own;
  if (gradientAccumulationSteps !== undefined && plugin.numSteps !== undefined)
    throw new ArgumentError("gradientAccumulationSteps and gradientAccumulationPlugin.numSteps are both given", { hint: "give only one of them" });
  return { ...plugin, numSteps: plugin.numSteps ?? configured.gradientAccumulationSteps ?? 1 };
}

/** Where no loader is being iterated. */
const noLoader = {};

/** Counts the bodies of `accumulate` between two optimizer steps. Each loader has windows of its own: a loop inside another disturbs neither its count nor its state. */
export class Accumulation {
  readonly adjustsScheduler: boolean;
  readonly #withLoader: boolean;
  readonly #eachBatch: boolean;
  readonly #divideBy: DivideBy;
  readonly #windows = new WeakMap<object, Window>();
  /** Loaders whose bodies are running, the innermost last. */
  readonly #running: object[] = [];
  #steps: number;
  /** The one that the last backward went into. */
  #current = new Window("backwards");
  #loaded: WindowState | undefined;
  #syncs = true;
  /** `syncs` was set by the program. */
  #chosen = false;
  #noSyncs = 0;
  /** The last backward was made inside `noSync`. */
  #unsynced = false;

  constructor({
    numSteps = 1,
    adjustScheduler = false,
    syncWithDataloader = true,
    syncEachBatch = false,
    divideBy = "window",
  }: GradientAccumulationPlugin = {}) {
    this.#steps = wholeSteps(numSteps);
    this.adjustsScheduler = adjustScheduler;
    this.#withLoader = syncWithDataloader;
    this.#eachBatch = syncEachBatch;
    if (divideBy !== "window" && divideBy !== "configured")
      throw new ArgumentError(`gradientAccumulationPlugin: divideBy is ${String(divideBy)}`, { hint: 'give "window" or "configured"' });
    this.#divideBy = divideBy;
  }

  /** What all workers must have in common. */
  get settings(): object {
    return { divideBy: this.#divideBy, syncWithDataloader: this.#withLoader, syncEachBatch: this.#eachBatch, adjustScheduler: this.adjustsScheduler };
  }
  /** Bodies per optimizer step. */
  get steps(): number {
    return this.#steps;
  }
  set steps(steps: number) {
    this.#steps = wholeSteps(steps);
  }

  /** Whether the last body (or the one that runs) completes a step; true for backward passes outside of `accumulate`. */
  get syncs(): boolean {
    return this.#syncs && this.#noSyncs === 0;
  }
  set syncs(value: boolean) {
    this.#syncs = value;
    this.#chosen = true;
  }
  /** Inside a window: steps, clipping and zeroGrad do nothing. */
  get holds(): boolean {
    return !this.#syncs;
  }
  /** A body that is not the first of its window runs. */
  get continues(): boolean {
    return this.#current.continues;
  }
  /** It has had no backward yet. */
  get begins(): boolean {
    return this.continues && !this.#current.begun;
  }
  /** zeroGrad leaves what waits for a step: within a window, and at the beginning of the body that completes it, for loops that call it first. */
  get keeps(): boolean {
    return this.holds || this.begins;
  }
  /** Gradients that are read are those of this worker alone. */
  get readsOwn(): boolean {
    return (!this.#syncs && !this.#eachBatch) || this.#noSyncs > 0 || this.#unsynced;
  }
  /** This worker's part of what the sum of gradients is divided by. */
  get weight(): number {
    return this.#current.weight(this.#steps, this.#divideBy);
  }

  /** Runs a body as the next micro-batch of the loader that is iterated; its last batch closes the window. */
  async run<V>(
    body: () => Promise<V>,
    { endOfLoader, loader = noLoader }: { readonly endOfLoader: boolean; readonly loader?: object | undefined },
  ): Promise<V> {
    if (this.#running.includes(loader)) throw new ArgumentError("accumulate inside accumulate", { hint: "one window holds the whole body of the loop" });
    const outer = { current: this.#current, syncs: this.#syncs, nested: this.#running.length > 0 };
    const window = this.#open(loader);
    window.begin();
    this.#current = window;
    this.#chosen = false;
    this.#syncs = window.bodies >= this.#steps || (this.#withLoader && endOfLoader);
    this.#running.push(loader);
    try {
      return await body();
    } catch (error) {
      // The body was stopped before it had done anything: a checkpoint that is saved now goes on with its batch.
      if (error instanceof StoppedError && !window.begun) window.takeBack();
      throw error;
    } finally {
      window.end();
      window.complete = this.#syncs;
      this.#running.pop();
      if (outer.nested) [this.#current, this.#syncs] = [outer.current, outer.syncs];
    }
  }
  #open(loader: object): Window {
    let window = this.#windows.get(loader);
    if (this.#loaded) window = new Window("bodies", this.#loaded);
    this.#loaded = undefined;
    if (!window || window.complete) window = new Window("bodies");
    this.#windows.set(loader, window);
    return window;
  }

  /** Runs a body whose gradients stay with this worker; the next backward outside brings them together with its own. */
  async withoutSync<V>(body: () => V | Promise<V>): Promise<V> {
    this.#noSyncs++;
    try {
      return await body();
    } finally {
      // `trigger` may have ended it before.
      this.#noSyncs = Math.max(0, this.#noSyncs - 1);
    }
  }
  /** From here on gradients are brought together, inside a window or `noSync` too. */
  trigger(): void {
    this.#noSyncs = 0;
    this.#unsynced = false;
    this.#syncs = true;
  }
  /** @throws AccelerateError ERR_NO_SYNC inside `noSync`. */
  refuseUnsynced(what: string): void {
    if (this.#noSyncs === 0) return;
    throw new AccelerateError("ERR_NO_SYNC", `${what} inside noSync: gradients that each worker has for itself would make the workers differ`, {
      hint: "step after the last micro-batch, whose backward is outside of noSync; or use accumulate, which knows when to step",
    });
  }

  /** Before a backward. `pending`: some gradient waits for a step. */
  check(weight: number | undefined, { pending }: { readonly pending: boolean }): void {
    // Outside of a body a loop counts for itself: from the first backward after a step on.
    if (this.#running.length === 0 && (this.#current.counts === "bodies" || !pending || this.#loaded)) {
      if (!this.#chosen) this.#syncs = true;
      this.#current = new Window("backwards", this.#loaded);
      this.#loaded = undefined;
    }
    this.#current.check(weight);
  }
  /** After a backward of that weight. */
  count(weight: number | undefined): void {
    this.#unsynced = this.#noSyncs > 0;
    this.#current.weigh(weight);
  }

  /** The next body, or backward, opens a window. */
  restart(): void {
    this.loadStateDict({ window: new Window("bodies").state() });
  }
  /** A window whose step was made is over, also where its body still runs or a loop counts for itself. */
  stateDict({ gradientsWait = true }: { readonly gradientsWait?: boolean } = {}): AccumulationState {
    const over = !this.holds && !gradientsWait;
    return { window: this.#loaded ?? (over ? new Window("bodies") : this.#current).state(), syncs: this.#syncs };
  }
  /** The next body, or backward, goes on with the window that was saved. */
  loadStateDict({ window, syncs = true }: AccumulationState): void {
    this.#loaded = window;
    this.#current = new Window("backwards");
    this.#syncs = syncs;
    this.#chosen = false;
  }
}
