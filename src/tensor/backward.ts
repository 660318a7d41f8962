// loss.backward(): one run of forward and backward, whose gradients are added to those of the parameters.
import { configuredWorker } from "../config.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { isFloat, sizeOf, typedArray } from "../graph/dtype.js";
import { fromData } from "./create.js";
import { defaultExecutor, type Executor } from "./executor.js";
import { defaultGenerator } from "./generator.js";
import type { Parameter } from "./parameter.js";
import type { Plan } from "./plan.js";
import type { Tensor } from "./tensor.js";
import type { RunTaps } from "./taps.js";
import type { WaitOptions } from "./types.js";

const maxNames = 8;

/** Names the trainable parameters of the called modules that the loss does not reach: once per structure. */
function reportUnreached(plan: Plan, reached: readonly Parameter[]): void {
  const got = new Set(reached);
  const missing = new Set<string>();
  for (const node of plan.nodes) {
    if (node.kind !== "call") continue;
    for (const [p, name] of node.trace.trainable) if (!got.has(p) && p.requiresGrad) missing.add(name);
  }
  if (missing.size === 0) return;
  const names = [...missing];
  const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : "";
  console.warn(`no gradient reaches ${names.slice(0, maxNames).join(", ")}${more}: the loss does not depend on ${names.length === 1 ? "it" : "them"}`);
}

/** A launched program without an Accelerator trains as many models as it has workers: said once. */
function warnAlone(executor: Executor): void {
  if (executor.coordinated !== undefined) return;
  executor.coordinated = false;
  const worker = configuredWorker();
  if (worker && worker.worldSize > 1)
    console.warn(
      `this program runs on ${worker.worldSize} workers and trains without an Accelerator: each trains a model of its own. Make one (new Accelerator()) and prepare the model, the optimizer and the loader`,
    );
}

export interface BackwardOptions extends WaitOptions {
  /** What the gradients are multiplied by: a weight, a loss scale. Fed to the compiled program. Default: they are as they are. */
  readonly seed?: number;
  /** @internal Listens to gradients as they are made. */
  readonly taps?: RunTaps | undefined;
}

/** Adds the gradients of a scalar, times `seed`, to every parameter that it depends on. With a seed of 0 nothing is added, also where the scalar is not finite: only the forward is run. */
export async function backward(loss: Tensor, { seed, ...options }: BackwardOptions = {}): Promise<void> {
  if (loss.state.kind === "symbolic")
    throw new ArgumentError("backward inside forward", { hint: "return the loss from forward and call backward on it outside" });
  if (sizeOf(loss.shape) !== 1)
    throw new ShapeError(`backward of a tensor of shape [${loss.shape.join(", ")}]`, { hint: "a loss is one number: take its mean() or sum()" });
  if (!isFloat(loss.dtype)) throw new ArgumentError(`backward of a tensor of ${loss.dtype}`, { code: "ERR_DTYPE", hint: "a loss is a float" });
  warnAlone(defaultExecutor());
  if (seed === 0) await defaultExecutor().bringOut(loss, options);
  else {
    const fed = seed === undefined ? {} : { seed: fromData(typedArray(loss.dtype, [seed]), loss.shape, loss.dtype) };
    await defaultExecutor().backward(loss, { ...options, ...fed, onCompiled: reportUnreached });
  }
  defaultGenerator().nextMicroStep();
}
