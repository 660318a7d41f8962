// Checkpoints that transformers' Trainer wrote: optimizer.pt and scheduler.pt, where the optimizer here is the same.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ModuleBase } from "../../nn/index.js";
import { moduleTensors } from "../../nn/module-file.js";
import type { Optimizer, OptimizerState, ParameterState, SavedGroup, SchedulerState } from "../../optim/index.js";
import type { Parameter } from "../../tensor/index.js";
import { readTorchValue, type TorchTensor, type TorchValue } from "../../torch-file/index.js";
import type { Trainer } from "../trainer.js";
import { tell } from "./tell.js";

type Dict = ReadonlyMap<string | number, TorchValue>;
const isDict = (value: TorchValue | undefined): value is Dict => value instanceof Map;
const isTensor = (value: TorchValue | undefined): value is TorchTensor => typeof value === "object" && value !== null && "readFloat32" in value;
const listOf = (value: TorchValue | undefined): readonly TorchValue[] => (Array.isArray(value) ? (value as readonly TorchValue[]) : []);

/** Why a file is not taken over. */
class Unfit extends Error {}

/** A group's parameters as Python has them: module by module. */
async function inPythonsOrder(model: ModuleBase, params: readonly Parameter[]): Promise<Parameter[]> {
  const places = new Map([...(await moduleTensors(model)).keys()].map((name, place) => [name, place]));
  const place = new Map([...model.namedParameters()].map(([name, p]) => [p, places.get(name) ?? 0]));
  return [...params].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0));
}

async function stateOf(optimizer: Optimizer, parameter: Parameter, saved: Dict): Promise<ParameterState> {
  const step = saved.get("step");
  const own: Record<string, number | ArrayLike<number>> & { step: number } = {
    step: isTensor(step) ? (await step.readFloat32())[0]! : typeof step === "number" ? step : 0,
  };
  for (const [key, shape] of optimizer.places.shapesOf(parameter)) {
    const tensor = saved.get(key);
    if (!isTensor(tensor)) throw new Unfit(`it has no ${key} of ${parameter.name}`);
    if (tensor.shape.join() !== shape.join())
      throw new Unfit(`${key} of ${parameter.name} is [${tensor.shape.join(", ")}] there and [${shape.join(", ")}] here`);
    own[key] = await tensor.readFloat32();
  }
  return own;
}

/** The rates of a group; its other hyperparameters are those of the arguments. */
function groupOf(own: SavedGroup, saved: Dict): SavedGroup {
  const { lr, initial_lr } = Object.fromEntries(["lr", "initial_lr"].map((key) => [key, saved.get(key)]));
  return { ...own, ...(typeof lr === "number" ? { lr } : {}), ...(typeof initial_lr === "number" ? { initial_lr } : {}) };
}

/** What a schedule of ours knows of Python's under the same name, or with Python's underscore. */
function scheduleOf(own: SchedulerState, saved: Dict): SchedulerState {
  const entries = Object.keys(own).map((key) => {
    const theirs = saved.get(key) ?? saved.get(`_${key}`);
    return [key, theirs === undefined || theirs === null ? own[key] : theirs];
  });
  return Object.fromEntries(entries) as SchedulerState;
}

async function foreignState({ model }: Trainer, optimizer: Optimizer, saved: Dict, schedule: Dict, steps: number): Promise<OptimizerState> {
  const [groups, states] = [listOf(saved.get("param_groups")), saved.get("state")];
  const progress = optimizer.progress();
  if (!isDict(states) || groups.length !== progress.param_groups.length)
    throw new Unfit(`it has ${groups.length} groups of parameters, the optimizer here ${progress.param_groups.length}`);
  const state: Record<string, ParameterState> = {};
  for (const [g, group] of groups.entries()) {
    const indices = isDict(group) ? listOf(group.get("params")) : [];
    const params = await inPythonsOrder(model, optimizer.paramGroups[g]!.params);
    if (indices.length !== params.length) throw new Unfit(`group ${g} of it has ${indices.length} parameters, here ${params.length}`);
    for (const [i, parameter] of params.entries()) {
      const own = states.get(indices[i] as number);
      if (isDict(own)) state[parameter.name] = await stateOf(optimizer, parameter, own);
    }
  }
  return {
    state,
    step_count: steps,
    param_groups: progress.param_groups.map((own, g) => groupOf(own, groups[g] as Dict)),
    schedulers: progress.schedulers.map((own) => scheduleOf(own, schedule)),
  };
}

/** Takes over optimizer.pt and scheduler.pt, on all workers. false: they are not there, or of another optimizer, which is told. */
export async function loadForeignOptimizer(trainer: Trainer, directory: string): Promise<boolean> {
  const { accelerator, state } = trainer;
  const optimizer = trainer.optimizer!;
  const files = ["optimizer.pt", "scheduler.pt"].map((name) => join(directory, name));
  if (!files.every((file) => existsSync(file))) return false;
  let reason: string | undefined;
  await accelerator.checkpoints.rewrite(async ({ writesStates }) => {
    try {
      const [saved, schedule] = await Promise.all(files.map((file) => readTorchValue(file)));
      if (!isDict(saved) || !isDict(schedule)) throw new Unfit("it holds no dict");
      const taken = await foreignState(trainer, optimizer, saved, schedule, state.globalStep);
      if (writesStates) optimizer.loadStateDict(taken);
      else optimizer.restore(taken, { writes: false });
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  });
  if (reason !== undefined) tell(trainer, `${files[0]} is not taken over: ${reason}`);
  else tell(trainer, "the checkpoint is transformers': its random numbers are Python's, dropout draws others here");
  return reason === undefined;
}
