// Checks of hyperparameters, with torch's messages, and of the moment at which gradients are used.
import { ArgumentError } from "../errors.js";
import { defaultExecutor } from "../tensor/index.js";

const refuse = (message: string, hint: string): never => {
  throw new ArgumentError(message, { code: "ERR_OPTIMIZER_OPTION", hint });
};

/** A finite number of at least 0; NaN is none. */
export function atLeastZero(value: number, what: string): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) refuse(`Invalid ${what}: ${value}`, "give a finite number of at least 0");
}

export function validBetas(betas: readonly [number, number]): void {
  if (!Array.isArray(betas)) refuse(`Invalid betas: ${JSON.stringify(betas)}`, "give two numbers, of the first and of the second moment");
  for (const [i, beta] of betas.entries())
    if (!(beta >= 0 && beta < 1)) refuse(`Invalid beta parameter at index ${i}: ${beta}`, "betas are at least 0 and below 1");
  if (betas.length !== 2) refuse(`Invalid betas: [${betas.join(", ")}]`, "give two numbers, of the first and of the second moment");
}

/** Gradients of a backward that was not awaited are not there yet: what is done with gradients now would silently leave them out. */
export function refuseInBackward(what: string): void {
  if (defaultExecutor().inBackward)
    throw new ArgumentError(`${what}() while a backward is running`, { code: "ERR_BACKWARD_IN_FLIGHT", hint: "await loss.backward() first" });
}

export const refuseOption = refuse;
