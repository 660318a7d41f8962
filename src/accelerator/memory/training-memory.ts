// What training takes per worker beside activations: parameters, gradients, their sums, the state of optimizers. By the same rules by which they are placed (gradients/placement.ts).
import type { Sharding } from "../gradients/zero.js";

export interface TrainingSizes {
  /** Bytes of all parameters. */
  readonly parameters: number;
  /** Bytes of their gradients, where that is less: frozen ones have none (nor state), those of large tables are rows. */
  readonly gradients?: number;
  /** Bytes of the optimizer's state: AdamW twice the parameters, SGD with momentum once. */
  readonly states: number;
  /** Of each host. */
  readonly workers: number;
  readonly hosts?: number;
  readonly sharding?: Sharding;
  /** Workers of a host read one copy of the parameters; default true. */
  readonly sharesParameters?: boolean;
  /** Gradients are clipped, read, scaled or looked at, so that their sums have memory of their own; between hosts they always have. Default false. */
  readonly sums?: boolean;
  /** Micro-batches are accumulated. Default false. */
  readonly accumulates?: boolean;
  /** Where each worker has memory of its own, of which this is the account; default: the processor. Workers reach each other there with CUDA. */
  readonly device?: "cpu" | "cuda" | "webgpu";
}
/** Bytes of one worker. Of what the workers of a host share each is given an equal part, as the system's PSS does. */
export interface TrainingMemory {
  readonly parameters: number;
  readonly gradients: number;
  readonly sums: number;
  readonly states: number;
  readonly total: number;
}

/**
 * @example
 * // AdamW, 110 million parameters, 4 workers on each of 2 hosts, state once in the whole run
 * trainingMemory({ parameters: 440e6, states: 880e6, workers: 4, hosts: 2, sharding: "world" }).states; // 110e6
 */
export function trainingMemory(sizes: TrainingSizes): TrainingMemory {
  const { device = "cpu" } = sizes;
  return device === "cpu" ? onProcessor(sizes) : onDevice(sizes, device);
}

function onProcessor(sizes: TrainingSizes): TrainingMemory {
  const { workers, hosts = 1, sharding = "host", accumulates = false } = sizes;
  const alone = workers * hosts === 1;
  const { gradients: grads = sizes.parameters } = sizes;
  const sharesParameters = sharding !== "none" && (sizes.sharesParameters ?? true);
  // Copies of all of it that a host has: where parameters are not shared, owners put new ones where the others find them.
  const copies = alone ? 1 : sharesParameters ? 1 : workers + (sharding === "none" ? 0 : 1);
  const needsSums = !alone && ((sizes.sums ?? false) || hosts > 1 || sharding === "none");
  const keepers = { none: 1, host: workers, world: workers * hosts }[sharding];
  const parameters = (copies * sizes.parameters) / workers;
  const gradients = grads * (accumulates ? 2 : 1);
  const sums = needsSums ? grads / workers : 0;
  const states = sizes.states / keepers;
  return { parameters, gradients, sums, states, total: parameters + gradients + sums + states };
}

/** Gradients that are to be added to others have a second set, sums over workers another: with CUDA the same. What cannot be updated in place is there twice. */
function onDevice(sizes: TrainingSizes, device: "cuda" | "webgpu"): TrainingMemory {
  const { workers, hosts = 1, sharding = "host", accumulates = false } = sizes;
  const alone = workers * hosts === 1;
  const copies = device === "webgpu" ? 2 : 1;
  const parameters = copies * sizes.parameters;
  const { gradients = sizes.parameters } = sizes;
  const sets = Number(accumulates) + Number(!alone);
  const sums = gradients * (device === "cuda" ? Math.min(1, sets) : sets);
  const states = (copies * sizes.states) / (device === "cuda" && sharding !== "none" ? workers * hosts : 1);
  return { parameters, gradients, sums, states, total: parameters + gradients + sums + states };
}
