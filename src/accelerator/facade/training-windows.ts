// What an Accelerator offers around gradients: windows of accumulation, loss scaling, clipping.
import type { ModuleBase } from "../../nn/index.js";
import { clipGradNorm, clipGradValue, type GradScaler, type Optimizer } from "../../optim/index.js";
import type { Parameter } from "../../tensor/index.js";
import type { Accumulation } from "../gradients/accumulation.js";
import { TrainingModes } from "./training-modes.js";

export abstract class TrainingWindows extends TrainingModes {
  protected abstract readonly accumulation: Accumulation;
  /** The scale of the losses; undefined without the option `gradScaler`. */
  abstract readonly scaler: GradScaler | undefined;

  /** Whether the last micro-batch (the one that runs, inside `accumulate`) completes a step: false within a window and inside `noSync`. What is set holds until the next `accumulate`. */
  get syncGradients(): boolean {
    return this.accumulation.syncs;
  }
  set syncGradients(value: boolean) {
    this.accumulation.syncs = value;
  }
  /** Bodies of `accumulate` per optimizer step; set it on every worker alike. */
  get gradientAccumulationSteps(): number {
    return this.accumulation.steps;
  }
  set gradientAccumulationSteps(steps: number) {
    this.accumulation.steps = steps;
  }
  /** Whether the last step of a prepared optimizer was skipped, on all workers: a gradient had overflowed, or all weights were 0. */
  get optimizerStepWasSkipped(): boolean {
    return this.run?.placement.optimizers.some((o) => o.stepWasSkipped) ?? false;
  }

  /**
   * Runs one micro-batch of an accumulation window. Until the window is full (or the loader at its last batch) the optimizer neither steps nor forgets gradients, and nothing is communicated. A short
   * last window divides by its real size. The window belongs to the loader that is iterated: loops inside the body, or between two, do not disturb it.
   *
   * @example
   * await accelerator.accumulate(model, async () => {
   *   await accelerator.backward(model(batch).loss);
   *   await optimizer.step();
   *   optimizer.zeroGrad();
   * });
   */
  accumulate<V>(_models: ModuleBase | readonly ModuleBase[], body: () => Promise<V>): Promise<V> {
    return this.accumulation.run(body, { endOfLoader: this.loaders.endOfLoader, loader: this.loaders.innermost });
  }
  /** Runs a body whose gradients stay with this worker: `parameter.grad` is its own, and a step is an error. The next backward outside of it brings all together. */
  noSync<V>(_models: ModuleBase | readonly ModuleBase[], body: () => V | Promise<V>): Promise<V> {
    return this.accumulation.withoutSync(body);
  }
  /** Inside `noSync`, or a window: the gradients of the next backward, and those before it, are brought together all the same, and the optimizer may step. */
  triggerSyncInBackward(_model?: ModuleBase): void {
    this.accumulation.trigger();
  }

  /** Nothing is left to do: gradients are read, clipped and used unscaled. For loops written for Accelerate. */
  async unscaleGradients(_optimizer?: Optimizer | readonly Optimizer[]): Promise<void> {}
  /** Clips the norm of the mean gradient of all workers. Returns the norm before; inside an accumulation window nothing is done and it is 0. */
  clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number, options: { readonly normType?: number } = {}): Promise<number> {
    return clipGradNorm(parameters, maxNorm, options);
  }
  /** Limits every element of the mean gradient. */
  clipGradValue(parameters: Iterable<Parameter>, clipValue: number): Promise<void> {
    return clipGradValue(parameters, clipValue);
  }
}
