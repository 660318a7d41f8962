// Forgetting the gradients of a step.
import type { Optimizer } from "../../optim/index.js";
import type { Parameter } from "../../tensor/index.js";

/** Of the whole model, as Python's model.zero_grad(): what the optimizer does not step would add up from step to step, and with it the norm by which all are clipped. */
export function zeroGradients(optimizer: Optimizer, parameters: Iterable<Parameter>): void {
  optimizer.zeroGrad();
  const stepped = new Set(optimizer.paramGroups.flatMap(({ params }) => params));
  for (const parameter of parameters) {
    const segment = stepped.has(parameter) ? undefined : parameter.segment();
    if (segment) segment.hasGrad = false;
  }
}
