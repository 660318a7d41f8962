// Trainings of a tiny BERT, and of a module of one's own, for tests of the Trainer's loop.
import assert from "node:assert/strict";
import type { Tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";
import { Trainer, type TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const folder = temporaryFolder();
export const quiet = (options: TrainingArgumentsOptions = {}): TrainingArguments => quietArguments(folder, { loggingSteps: 1, maxSteps: 6, ...options });
export class Quiet<R = unknown> extends Trainer<R> {
  override async callEvent(...event: Parameters<Trainer["callEvent"]>): Promise<void> {
    await super.callEvent(...event);
  }
}
export const make = (options: TrainingArgumentsOptions = {}, more: object = {}) =>
  new Quiet({ model: tinyBert(), args: quiet(options), trainDataset: tinyDataset(30), dataCollator: tinyCollate, ...more });
export const logged = (trainer: Trainer<never> | Trainer, name: string): number[] =>
  trainer.state.logHistory.flatMap((entry) => (name in entry ? [entry[name]!] : []));
export const weightsOf = async (model: { namedParameters(): Iterable<readonly [string, Tensor]> }) => {
  const values: number[] = [];
  for (const [, parameter] of model.namedParameters()) for (const value of (await parameter.data()) as Iterable<number>) values.push(value);
  return values;
};
export const close = (a: readonly number[], b: readonly number[], tolerance = 1e-5) => {
  assert.equal(a.length, b.length);
  for (const [i, x] of a.entries()) assert.ok(Math.abs(x - b[i]!) <= tolerance, `[${i}] ${x} and ${b[i]}`);
};

/** [x, y] -> { loss }: a model that is no model of the library. */
export class Own extends Module {
  readonly layer = new Linear(2, 1);
  forward({ x, y }: { readonly x: Tensor; readonly y: Tensor }) {
    const difference = (this.layer(x) as Tensor).squeeze(-1).sub(y) as Tensor;
    return { loss: difference.mul(difference).mean() };
  }
}
