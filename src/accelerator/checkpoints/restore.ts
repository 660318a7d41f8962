// Puts a run back where a checkpoint was made, on as many workers as then or on others.
import type { Manifest } from "../../checkpoint/index.js";
import type { ProcessGroup } from "../../distributed/index.js";
import type { ModuleBase } from "../../nn/index.js";
import type { Optimizer, OptimizerState } from "../../optim/index.js";
import { defaultGenerator } from "../../tensor/index.js";
import { agree, type Tell } from "./agreement.js";
import type { WindowState } from "../gradients/micro-batches.js";
import { fileNames, type SavedOwnState, type SavedState } from "./checkpoint-files.js";
import { namedSegments, type RunState } from "./run-state.js";
import { checkFits, loadScheduler, optimizerArrays, optimizerState, SavedRun } from "./saved-run.js";

/** Where a run was saved: loaders continue behind the batches that were consumed; epoch and step count batches of the loader whose loop called backward. */
export interface ResumePoint {
  readonly epoch: number;
  /** Batches of this worker in the epoch. */
  readonly stepInEpoch: number;
  /** Batches of this worker over all epochs. */
  readonly step: number;
  readonly directory: string;
}

export interface RestoreOptions {
  readonly run: RunState;
  readonly group: Pick<ProcessGroup, "rank" | "size">;
  readonly tell: Tell;
  /** Models to load, by their place; undefined: a hook has taken it over. */
  readonly models: readonly (ModuleBase | undefined)[];
}

/** A window that was open, when other workers go on with it. */
type OpenWindow = Pick<WindowState, "bodies" | "weight">;

/**
 * Everything is read and held against the program before anything is changed.
 * @throws CheckpointError ERR_CHECKPOINT_MISMATCH, ERR_CHECKPOINT_DAMAGED, ERR_CHECKPOINT_OBJECT, the same on all workers
 */
export async function restore(directory: string, manifest: Manifest, { run, group, tell, models }: RestoreOptions): Promise<ResumePoint> {
  const saved = new SavedRun(directory, manifest);
  let state: SavedState | undefined;
  let custom: unknown[] = [];
  await agree(tell, async () => {
    state = await saved.value<SavedState>(fileNames.state);
    await checkFits(saved, state, run, models);
    custom = await Promise.all(Array.from({ length: state.custom }, (_, i) => saved.value(fileNames.custom(i))));
  });
  // An object of the program may refuse its state: ours are as they were then.
  await agree(tell, () => run.registered.load(custom));
  // The memory that workers share is written while nobody else reads it.
  const tellsSchedules = group.rank === 0 && manifest.worldSize === group.size;
  await agree(tell, () => readTensors(saved, run, { models, tellsSchedules }));
  await agree(tell, () => applyState(saved, state!, { run, group }));
  return resumePoint(state!, run, directory);
}

interface Reading {
  readonly models: readonly (ModuleBase | undefined)[];
  /** Say where schedules have other rates here: with another number of workers they are meant to. */
  readonly tellsSchedules: boolean;
}

/** A schedule's function is not saved: one that gives another rate in the same place is another one, or goes on for longer. */
function tellOtherRates(optimizer: Optimizer, { param_groups }: OptimizerState, i: number): void {
  const differ = new Map<string, number[]>();
  for (const [g, { lr }] of optimizer.paramGroups.entries()) {
    const then = param_groups[g]!.lr as number;
    if (Math.abs(lr - then) <= 1e-9 * Math.abs(then)) continue;
    const rates = `was ${then} when the run was saved and is ${lr} now`;
    differ.set(rates, [...(differ.get(rates) ?? []), g]);
  }
  for (const [rates, groups] of differ)
    console.warn(
      `accelerate-ts: the learning rate of optimizer ${i}, ${groups.length > 1 ? "groups" : "group"} ${groups.join(", ")}, ${rates}: its schedule is another one`,
    );
}

async function readTensors(saved: SavedRun, run: RunState, { models, tellsSchedules }: Reading): Promise<void> {
  const { writesParameters, writesStates } = run.memory;
  for (const [i, model] of models.entries()) {
    if (!model) continue;
    await using file = await saved.tensors(fileNames.model(i));
    if (writesParameters) for (const [name, p] of model.namedParameters()) await file.readFloat32(name, p.values());
    for (const [name, buffer] of model.namedBuffers({ persistentOnly: true })) {
      const { data } = await file.read(name);
      ((await buffer.data()) as Uint8Array).set(data as Uint8Array);
    }
  }
  for (const [i, optimizer] of run.objects.optimizers.entries()) {
    const state = await optimizerState(saved, i);
    optimizer.restore(state, { writes: writesStates });
    if (tellsSchedules) tellOtherRates(optimizer, state, i);
    if (!writesStates) continue;
    await using file = await saved.tensors(fileNames.optimizerTensors(i));
    const parted = optimizer.places.sharedOut;
    for (const [path, into, parameter] of optimizerArrays(optimizer)) {
      if (parted) optimizer.places.write(parameter, into, await file.readFloat32(path));
      else await file.readFloat32(path, into);
    }
  }
}

interface Place {
  readonly run: RunState;
  readonly group: Pick<ProcessGroup, "rank" | "size">;
}

/** What is no tensor: counters, positions, random numbers, and the gradients of an open window. */
async function applyState(saved: SavedRun, state: SavedState, { run, group }: Place): Promise<void> {
  const { objects } = run;
  const sameWorld = saved.manifest.worldSize === group.size;
  for (const model of objects.models) for (const p of model.parameters()) p.changed();
  for (const [i, scheduler] of objects.schedulers.entries()) await loadScheduler(saved, scheduler, i);
  for (const [i, loader] of objects.loaders.entries()) {
    const { seed, state: position } = state.loaders[i]!;
    if (seed !== null) loader.seed = seed;
    // A worker's batches of the epoch are as many as these workers would have made of what was consumed; steps are counted on.
    const share = sameWorld || run.settings.splitBatches === true ? 1 : saved.manifest.worldSize / group.size;
    loader.loadState({ ...position, batch: Math.ceil(position.batch * share) });
  }
  run.loaders.training = state.training === null ? undefined : objects.loaders[state.training];
  run.setSteps(state.optimizerSteps);
  for (const [name, part] of Object.entries(run.parts)) if (part && name in state.parts) await part.loadStateDict(state.parts[name] as never);

  // In another world a rank draws what rank 0 would have drawn in its place: the rank is part of every key.
  const own = (sameWorld ? await saved.own(group.rank) : undefined) ?? (await saved.own(0));
  if (own) {
    defaultGenerator().state = { ...own.generator, rank: group.rank };
    const parts = sameWorld ? own.parts : await partsInAnotherWorld(saved, own, group.rank);
    for (const [name, part] of Object.entries(run.ownParts)) if (part && name in parts) await part.loadStateDict(parts[name] as never);
  }
  for (const { segments } of run.arenas) for (const s of segments) s.hasGrad = false;
  if (sameWorld) await addGradients(saved, run, group.rank);
  // The sum of all is what counts: one worker goes on with it, the others from nothing.
  else if (group.rank === 0) for (const rank of state.gradients) await addGradients(saved, run, rank);
}

/** An open window goes on with as many micro-batches as there were; what those of all workers weighed together is the first one's. */
async function partsInAnotherWorld(saved: SavedRun, first: SavedOwnState, rank: number): Promise<Readonly<Record<string, unknown>>> {
  // What a host has kept back of its gradients is no other host's.
  const { commHook: _, ...parts }: Record<string, unknown> = first.parts;
  const { accumulation } = parts as { accumulation?: { window?: OpenWindow } };
  if (!accumulation?.window) return parts;
  let weight = 0;
  for (const r of rank === 0 ? saved.manifest.ranks : []) {
    const own = (await saved.own(r)) as { parts?: { accumulation?: { window?: OpenWindow } } } | undefined;
    weight += own?.parts?.accumulation?.window?.weight ?? 0;
  }
  // Weights were not said: the number of micro-batches of all workers is what the sum is divided by, and it has changed.
  parts.accumulation = { ...accumulation, window: { ...accumulation.window, weight, weighted: accumulation.window.bodies > 0 } };
  return parts;
}

/** Adds a rank's saved gradients to those that are here. */
async function addGradients(saved: SavedRun, run: RunState, rank: number): Promise<void> {
  const path = fileNames.gradients(rank);
  if (!saved.has(path)) return;
  await using file = await saved.tensors(path);
  for (const [name, segment] of namedSegments(run)) {
    if (!file.tensors.has(name)) continue;
    segment.rows?.fill();
    if (segment.hasGrad) {
      const more = await file.readFloat32(name);
      const { grad } = segment;
      for (let i = 0; i < grad.length; i++) grad[i]! += more[i]!;
    } else await file.readFloat32(name, segment.grad);
    segment.gradWritten();
    segment.hasGrad = true;
    segment.writes++;
  }
}

function resumePoint(state: SavedState, run: RunState, directory: string): ResumePoint {
  const loader = state.training === null ? run.objects.loaders[0] : run.objects.loaders[state.training];
  if (!loader) return { epoch: 0, stepInEpoch: 0, step: state.optimizerSteps, directory };
  const { epoch, batch, step } = loader.state();
  return { epoch, stepInEpoch: batch, step, directory };
}
