// Which GPUs a process may use, and which of them a worker takes, read from a set of variables. No GPU is asked.
import { type Environment, readWorkerSettings } from "./launched.js";

/** "0", "GPU-8f6ab1c2-..." (any unambiguous beginning of it) or "MIG-...": what CUDA counts as a name of a GPU. */
const gpuName = /^(\d+|GPU-[\da-f-]+|MIG-[\w/-]+)$/i;

/**
 * The names in CUDA_VISIBLE_DEVICES, in the order in which CUDA numbers them; undefined: the variable is not there, and all GPUs are visible. As CUDA reads it: what follows the first
 * entry that is no name does not count, so "" and "-1" hide all.
 */
export function visibleGpus(env: Environment): readonly string[] | undefined {
  const text = env.CUDA_VISIBLE_DEVICES;
  if (text === undefined) return undefined;
  const names = text.split(",").map((name) => name.trim());
  const end = names.findIndex((name) => !gpuName.test(name));
  return end < 0 ? names : names.slice(0, end);
}

/**
 * Number of the GPU that this process takes where only "a GPU" is wanted: that of its local rank, as with torchrun. Where exactly one is visible its launcher has chosen already (srun
 * --gpus-per-task=1), and it is the first.
 */
export function gpuOfProcess(env: Environment, pid: number): number {
  if (visibleGpus(env)?.length === 1) return 0;
  return readWorkerSettings(env, pid)?.localRank ?? 0;
}
