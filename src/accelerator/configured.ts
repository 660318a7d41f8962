// An Accelerator's options with what the launcher says where the program says nothing.
import { configuredProgram } from "../config.js";
import { type ProgramDefaults, programVariables } from "../settings.js";
import type { AcceleratorOptions } from "./options.js";

export interface ConfiguredOptions {
  readonly options: AcceleratorOptions;
  /** What the launcher says in vain, for people. */
  readonly overruled: readonly string[];
}

/**
 * The program's own options count; a different wish of the launcher is told.
 * @throws ArgumentError when a variable holds no value of its setting.
 */
export function withConfigured(options: AcceleratorOptions, configured: ProgramDefaults = configuredProgram()): ConfiguredOptions {
  const own: { readonly [K in keyof ProgramDefaults]: ProgramDefaults[K] | undefined } = {
    mixedPrecision: options.mixedPrecision,
    gradientAccumulationSteps: options.gradientAccumulationSteps ?? options.gradientAccumulationPlugin?.numSteps,
    debug: options.debug,
    cpu: options.cpu,
  };
  const names = Object.keys(configured) as (keyof ProgramDefaults)[];
  const overruled = names
    .filter((name) => own[name] !== undefined && own[name] !== configured[name])
    .map((name) => `${name} is ${own[name]} in the program and ${configured[name]} by the launcher (${programVariables[name][0]}): the program's counts`);
  const wanted = Object.fromEntries(names.filter((name) => own[name] === undefined).map((name) => [name, configured[name]]));
  return { options: { ...options, ...wanted }, overruled };
}
