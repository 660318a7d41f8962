// Checks of hyperparameters, with torch's messages.
import { ArgumentError } from "../errors.js";

const refuse = (message: string, hint: string): never => {
  throw new ArgumentError(message, { code: "ERR_OPTIMIZER_OPTION", hint });
};

/** A finite number of at least 0; NaN is none. */
export function atLeastZero(value: number, what: string): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) refuse(`Invalid ${what}: ${value}`, "give a finite number of at least 0");
}

export function validBetas(betas: readonly [number, number]): void {
  for (const [i, beta] of betas.entries())
    if (!(beta >= 0 && beta < 1)) refuse(`Invalid beta parameter at index ${i}: ${beta}`, "betas are at least 0 and below 1");
  if (betas.length !== 2) refuse(`Invalid betas: [${betas.join(", ")}]`, "give two numbers, of the first and of the second moment");
}

export const refuseOption = refuse;
