// A checkpoint that was chosen: what it holds, and what of it does not fit the program.
import { join } from "node:path";
import { CheckpointError, type Manifest } from "../../checkpoint/index.js";
import type { RankLoader } from "../../data/loader/rank-loader.js";
import type { ModuleBase } from "../../nn/index.js";
import { moduleTensors } from "../../nn/module-file.js";
import type { Optimizer, OptimizerState } from "../../optim/index.js";
import type { Parameter } from "../../tensor/index.js";
import { loadSafetensors, SafetensorsFile } from "../../safetensors/index.js";
import { storedTypes } from "../../safetensors/header.js";
import { describeLoader } from "./capture.js";
import { fileNames, readJson, type SavedOptimizer, type SavedOwnState, type SavedState, tensorsFile } from "./checkpoint-files.js";
import type { SavedScheduler } from "../prepared-objects.js";
import type { RunState } from "./run-state.js";
import { loadedValue } from "./saved-objects.js";

/** Reads a checkpoint that was verified. */
export class SavedRun {
  readonly directory: string;
  readonly manifest: Manifest;
  readonly #paths: ReadonlySet<string>;

  constructor(directory: string, manifest: Manifest) {
    this.directory = directory;
    this.manifest = manifest;
    this.#paths = new Set(manifest.files.map((f) => f.path));
  }
  has(path: string): boolean {
    return this.#paths.has(path);
  }
  /** A JSON file, with the arrays beside it. */
  async value<T>(path: string): Promise<T> {
    const beside = tensorsFile(path);
    const tensors = this.has(beside) ? await loadSafetensors(join(this.directory, beside)) : new Map();
    return loadedValue({ json: await readJson(this.directory, path), tensors }, join(this.directory, path)) as T;
  }
  tensors(path: string): Promise<SafetensorsFile> {
    return SafetensorsFile.open(join(this.directory, path));
  }
  /** What a rank has for itself; of a rank that there was not, nothing. */
  async own(rank: number): Promise<SavedOwnState | undefined> {
    if (!this.has(fileNames.own(rank))) return undefined;
    return this.value<SavedOwnState>(fileNames.own(rank));
  }
}

const list = (names: readonly string[]): string => (names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", "));

async function modelDifferences(saved: SavedRun, model: ModuleBase, i: number): Promise<string[]> {
  await using file = await saved.tensors(fileNames.model(i));
  const wanted = await moduleTensors(model);
  const missing = [...wanted.keys()].filter((name) => !file.tensors.has(name));
  const extra = [...file.tensors.keys()].filter((name) => !wanted.has(name));
  const others = [...wanted].flatMap(([name, { dtype, shape }]) => {
    const entry = file.tensors.get(name);
    if (!entry) return [];
    if (entry.shape.join() !== shape.join()) return [`${name} is [${entry.shape.join(", ")}] there and [${shape.join(", ")}] here`];
    const there = storedTypes[entry.stored].dtype;
    return there === dtype ? [] : [`${name} is ${there ?? entry.stored} there and ${dtype} here`];
  });
  const all = [...(missing.length ? [`it lacks ${list(missing)}`] : []), ...(extra.length ? [`the model has no ${list(extra)}`] : []), ...others];
  return all.map((what) => `model ${i} (${model.constructor.name}): ${what}`);
}

const settingDifferences = (there: Readonly<Record<string, unknown>>, here: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(here).flatMap((key) => {
    if (!(key in there) || JSON.stringify(there[key]) === JSON.stringify(here[key])) return [];
    return [`${key} is ${JSON.stringify(there[key])} there and ${JSON.stringify(here[key])} here`];
  });

function loaderDifferences(there: SavedState["loaders"][number], loader: RankLoader<unknown>, i: number): string[] {
  const here = describeLoader(loader);
  const differ = (what: string, a: unknown, b: unknown): string[] =>
    a === b || a === null || b === null ? [] : [`loader ${i}: ${what} ${String(a)} there and ${String(b)} here`];
  return [
    ...differ("rows of the data set are", there.rows, here.rows),
    ...differ("batchSize is", there.batchSize, here.batchSize),
    ...differ("shuffle is", there.shuffled, here.shuffled),
  ];
}

/** What `SavedOptimizer` and the arrays beside it are to the optimizer; the arrays only with their lengths. */
export async function optimizerState(saved: SavedRun, i: number): Promise<OptimizerState & { readonly type: string }> {
  const { type, steps, step_count, param_groups, schedulers } = await saved.value<SavedOptimizer>(fileNames.optimizer(i));
  await using file = await saved.tensors(fileNames.optimizerTensors(i));
  const state: Record<string, Record<string, number | ArrayLike<number>> & { step: number }> = {};
  for (const [name, step] of Object.entries(steps)) state[name] = { step };
  for (const [path, { shape }] of file.tensors) {
    const dot = path.lastIndexOf(".");
    const own = state[path.slice(0, dot)];
    if (own) own[path.slice(dot + 1)] = { length: shape.reduce((a, b) => a * b, 1) };
  }
  return { type, state, step_count, param_groups, schedulers } as OptimizerState & { readonly type: string };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function optimizerDifferences(saved: SavedRun, optimizer: Optimizer, i: number): Promise<string[]> {
  const there = await optimizerState(saved, i);
  const name = `optimizer ${i} (${optimizer.constructor.name})`;
  if (there.type !== optimizer.constructor.name) return [`${name}: it is ${there.type} there`];
  const made = optimizer.schedulers.length;
  if (made > there.schedulers.length) return [`${name}: ${there.schedulers.length} schedulers follow it there and ${made} here`];
  try {
    optimizer.checkState(there);
    return [];
  } catch (error) {
    return [`${name}: ${messageOf(error)}`];
  }
}

/** @throws CheckpointError ERR_CHECKPOINT_MISMATCH with all differences; nothing was changed. */
export async function checkFits(saved: SavedRun, state: SavedState, run: RunState, models: readonly (ModuleBase | undefined)[]): Promise<void> {
  const { objects, registered } = run;
  const counts: readonly (readonly [what: string, there: number, here: number])[] = [
    ["models", state.models.length, objects.models.length],
    ["optimizers", state.optimizers.length, objects.optimizers.length],
    ["schedulers that follow no optimizer", state.schedulers, objects.schedulers.length],
    ["loaders", state.loaders.length, objects.loaders.length],
    ["registered objects", state.custom, registered.count],
  ];
  const problems = counts.flatMap(([what, there, here]) => (there === here ? [] : [`${what}: ${there} there and ${here} here`]));
  problems.push(...settingDifferences(state.settings, run.settings));
  if (problems.length === 0) {
    for (const [i, model] of models.entries()) if (model) problems.push(...(await modelDifferences(saved, model, i)));
    for (const [i, optimizer] of objects.optimizers.entries()) problems.push(...(await optimizerDifferences(saved, optimizer, i)));
    for (const [i, loader] of objects.loaders.entries()) problems.push(...loaderDifferences(state.loaders[i]!, loader, i));
  }
  if (problems.length === 0) return;
  throw new CheckpointError("ERR_CHECKPOINT_MISMATCH", `${saved.directory} does not fit this program: ${problems.join("; ")}`, {
    hint: "prepare and register the same things in the same order as when it was saved; nothing was changed",
  });
}

/** Places of optimizers' arrays in the file, and the memory they go to. */
export function* optimizerArrays(optimizer: Optimizer): Generator<readonly [path: string, into: Float32Array, parameter: Parameter]> {
  const named = new Map(optimizer.paramGroups.flatMap(({ params }) => params.map((p) => [p.name, p] as const)));
  for (const [name, { step: _, ...own }] of Object.entries(optimizer.liveState({ writes: true }).state))
    for (const [key, view] of Object.entries(own)) yield [`${name}.${key}`, view as Float32Array, named.get(name)!];
}

/** Loads a scheduler of the program's own. */
export const loadScheduler = async (saved: SavedRun, scheduler: object, i: number): Promise<void> =>
  (scheduler as SavedScheduler).loadStateDict(await saved.value(fileNames.scheduler(i)));
