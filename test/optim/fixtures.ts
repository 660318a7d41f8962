// What the tests of optimizers share: named parameters in an arena, gradients written by hand, golden files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";
import { fromData, Parameter, ParameterArena } from "../../src/tensor/index.js";

/** A parameter of that name and shape with the given numbers, in no arena yet. */
export function parameterOf(name: string, shape: readonly number[], values: ArrayLike<number>): Parameter {
  const parameter = new Parameter(fromData(Float32Array.from(values), [...shape], "float32"));
  parameter.named(name);
  return parameter;
}

/** Writes a gradient as a backward would; undefined: the backward did not reach the parameter. */
export function setGrad(parameter: Parameter, values: ArrayLike<number> | undefined): void {
  ParameterArena.adopt([parameter]);
  const segment = parameter.segment()!;
  segment.hasGrad = values !== undefined;
  if (values) segment.grad.set(values);
}

export const golden = <T>(file: string): T => JSON.parse(readFileSync(join(packageRoot(), "test", "golden", file), "utf8")) as T;

/** The largest |a - b| relative to the largest |b|. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    difference = Math.max(difference, Number.isNaN(actual[i]) ? Number.POSITIVE_INFINITY : Math.abs(actual[i]! - expected[i]!));
  }
  return difference / Math.max(largest, Number.MIN_VALUE);
}
