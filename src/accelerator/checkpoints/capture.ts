// What a worker has to save: the main process of a checkpoint everything that all have in common, every worker what is its own.
import type { FileContent } from "../../checkpoint/index.js";
import type { RankLoader } from "../../data/loader/rank-loader.js";
import type { TensorData } from "../../graph/dtype.js";
import { moduleTensors } from "../../nn/module-file.js";
import type { Optimizer, WholeState } from "../../optim/index.js";
import { defaultGenerator, type Parameter } from "../../tensor/index.js";
import {
  fileNames,
  type LoaderDescription,
  type SavedLoader,
  type SavedOptimizer,
  type SavedOwnState,
  type SavedState,
  tensorContent,
  valueContent,
} from "./checkpoint-files.js";
import type { SavedScheduler } from "../prepared-objects.js";
import { namedSegments, type RunState, type SavedMoment, type Stateful } from "./run-state.js";
import { savedValue } from "./saved-objects.js";

/** Weights of a model by name, as they will be written. */
export type Weights = Map<string, TensorData>;

const statesOf = async (parts: Readonly<Record<string, Stateful | undefined>>, moment: SavedMoment): Promise<Record<string, unknown>> => {
  const states: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(parts)) if (part) states[name] = await part.stateDict(moment);
  return states;
};

export function describeLoader(loader: RankLoader<unknown>): LoaderDescription {
  const { dataset, source } = loader as unknown as { readonly dataset?: { readonly length?: unknown }; readonly source?: { readonly length?: unknown } };
  const rows = dataset?.length ?? source?.length;
  return {
    rows: typeof rows === "number" ? rows : null,
    batchSize: Number.isNaN(loader.batchSize) ? null : loader.batchSize,
    shuffled: loader.seed !== undefined,
  };
}
const savedLoader = (loader: RankLoader<unknown>): SavedLoader => ({ ...describeLoader(loader), seed: loader.seed ?? null, state: loader.state() });

async function optimizerContents(optimizer: Optimizer, i: number, whole: WholeState | undefined): Promise<FileContent[]> {
  const { state, param_groups, step_count, schedulers } = optimizer.liveState({ whole });
  const shapes = new Map(optimizer.paramGroups.flatMap((g) => g.params.map((p) => [p.name, optimizer.places.shapesOf(p)] as const)));
  const tensors = new Map<string, TensorData>();
  const steps: Record<string, number> = {};
  for (const [name, { step, ...own }] of Object.entries(state)) {
    steps[name] = step;
    for (const [key, data] of Object.entries(own))
      tensors.set(`${name}.${key}`, { dtype: "float32", shape: shapes.get(name)!.get(key)!, data: data as Float32Array });
  }
  const saved = { type: optimizer.constructor.name, step_count, param_groups, schedulers, steps };
  const json = valueContent(fileNames.optimizer(i), await savedValue(saved satisfies Record<keyof SavedOptimizer, unknown>, `optimizer ${i}`));
  return [...json, tensorContent(fileNames.optimizerTensors(i), tensors)];
}

/** The weights of all models. Live views. */
export const weightsOf = (run: RunState): Promise<Weights[]> => Promise.all(run.objects.models.map((m) => moduleTensors(m)));

export interface CommonState {
  readonly weights: readonly Weights[];
  /** Ranks with gradients that wait for their step. */
  readonly gradients: readonly number[];
  /** By optimizer: see RunParts. */
  readonly states: readonly (WholeState | undefined)[];
}

/** Files of what all workers have alike. */
export async function captureCommon(run: RunState, { weights, gradients, states }: CommonState): Promise<FileContent[]> {
  const { objects, registered } = run;
  const training = run.loaders.training;
  const loader = training ? objects.loaders.indexOf(training) : -1;
  const custom = await registered.states();
  const state: Record<keyof SavedState, unknown> = {
    settings: run.settings,
    models: objects.models.map((m) => m.constructor.name),
    optimizers: objects.optimizers.map((o) => o.constructor.name),
    schedulers: objects.schedulers.length,
    loaders: objects.loaders.map(savedLoader),
    training: loader < 0 ? null : loader,
    optimizerSteps: run.steps,
    custom: custom.length,
    parts: await statesOf(run.parts, { gradientsWait: gradients.length > 0 }),
    gradients,
  };
  const optimizers = await Promise.all(objects.optimizers.map((o, i) => optimizerContents(o, i, states[i])));
  const schedulers = await Promise.all(
    objects.schedulers.map(async (s, i) => valueContent(fileNames.scheduler(i), await savedValue((s as SavedScheduler).stateDict(), `scheduler ${i}`))),
  );
  return [
    ...weights.map((w, i) => tensorContent(fileNames.model(i), w)),
    ...optimizers.flat(),
    ...schedulers.flat(),
    ...custom.flatMap((value, i) => valueContent(fileNames.custom(i), value)),
    ...valueContent(fileNames.state, await savedValue(state, "the state of the Accelerator")),
  ];
}

/** Files of what is this worker's own: its random numbers, its window, its gradients. */
export async function captureOwn(run: RunState, rank: number, moment: SavedMoment): Promise<FileContent[]> {
  const own: Record<keyof SavedOwnState, unknown> = { generator: defaultGenerator().state, parts: await statesOf(run.ownParts, moment) };
  const gradients = pendingGradients(run);
  return [
    ...valueContent(fileNames.own(rank), await savedValue(own, `the state of rank ${rank}`)),
    ...(gradients.size > 0 ? [tensorContent(fileNames.gradients(rank), gradients)] : []),
  ];
}

/** Gradients of this worker that wait for their step. Live views. */
export function pendingGradients(run: RunState): Map<string, TensorData> {
  const gradients = new Map<string, TensorData>();
  const waiting = new Set(run.waiting);
  if (waiting.size > 0)
    for (const [name, s] of namedSegments(run))
      if (s.hasGrad && waiting.has(s)) gradients.set(name, { dtype: "float32", shape: s.parameter.shape, data: s.grad });
  return gradients;
}

/** Room for headers. */
const spare = (bytes: number): number => Math.ceil(bytes * 1.02) + (1 << 16);

/** About how many bytes the files of models and optimizers will have. */
export function largeFiles({ objects }: Pick<RunState, "objects">): number[] {
  const sizeOf = (parameters: Iterable<Parameter>): number =>
    [...parameters].reduce((sum, p) => sum + Float32Array.BYTES_PER_ELEMENT * p.shape.reduce((a, b) => a * b, 1), 0);
  const models = objects.models.map((m) => sizeOf(m.parameters()));
  const stateOf = (o: Optimizer, p: Parameter): number =>
    [...o.places.shapesOf(p).values()].reduce((sum, shape) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
  const optimizers = objects.optimizers.map((o) => o.paramGroups.flatMap((g) => g.params).reduce((sum, p) => sum + stateOf(o, p), 0));
  return [...models, ...optimizers].map(spare);
}
