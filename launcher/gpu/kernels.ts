// accelerate-ts's own CUDA kernels: whether they were built, what for, or why they are not used.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { configuredCudaKernels } from "../../src/config.js";
import { nativePath } from "../../src/native/binding.js";
import type { KernelsFact } from "../../src/native/machine-facts.js";
import type { Environment } from "./ask.js";
import type { Gpu, Trouble } from "./gpus.js";

const build = "npx accelerate-ts build-native --cuda";

export interface Kernels {
  /** The object; absent: switched off by ACCELERATE_TS_CUDA_KERNELS=0, or no addon that it could lie beside. */
  readonly file?: string;
  readonly state: "used" | "not built" | "switched off" | "not usable";
  /** Changes with what the addon expects of them. */
  readonly version?: number;
  /** The CUDA that compiled them: "13.0". */
  readonly cuda?: string;
  /** "sm_80 sm_90 compute_90" */
  readonly architectures?: string;
  /** Why they are not usable, and what to do. */
  readonly trouble?: Trouble;
}

/** Where they lie, or would. */
export function kernelsFile(env: Environment): string | undefined {
  const configured = configuredCudaKernels(env);
  if (configured !== undefined) return configured || undefined;
  const addon = nativePath();
  return addon === undefined ? undefined : join(dirname(addon), "accelerate_ts_cuda.so");
}

const oldest = (architectures: string): number => Math.min(...[...architectures.matchAll(/_(\d+)/g)].map(([, number]) => Number(number)));

/** What the object says; `libraries`: what installs those that the loader does not find. */
export function kernelsOf(
  env: Environment,
  fact: KernelsFact | undefined,
  { gpus, libraries }: { readonly gpus: readonly Gpu[]; readonly libraries: string },
): Kernels {
  const file = kernelsFile(env);
  if (file === undefined) return { state: configuredCudaKernels(env) === false ? "switched off" : "not built" };
  if (!existsSync(file)) {
    if (configuredCudaKernels(env) === undefined) return { file, state: "not built" };
    return {
      file,
      state: "not usable",
      trouble: { what: `ACCELERATE_TS_CUDA_KERNELS names ${file}, which is not there`, cure: `unset it, or build them: ${build}` },
    };
  }
  if (fact === undefined)
    return { file, state: "not usable", trouble: { what: `the CUDA kernels ${file} could not be asked`, cure: "see what is missing above" } };
  const { error, fits, version, toolkit, architectures } = fact;
  const own = {
    file,
    ...(version !== undefined && { version }),
    ...(toolkit !== undefined && { cuda: `${Math.floor(toolkit / 1000)}.${Math.floor((toolkit % 1000) / 10)}` }),
    ...(architectures && { architectures }),
  };
  const unusable = (why: string, cure: string): Kernels => ({
    ...own,
    state: "not usable",
    trouble: { what: `the CUDA kernels ${file} are not used: ${why}`, cure },
  });
  if (error !== undefined) return unusable(error, /libcudart/.test(error) ? libraries : build);
  if (!fits) return unusable(`they were built from other sources${version === undefined ? "" : ` (version ${version})`}`, build);
  const old = architectures ? gpus.filter(({ compute }) => compute !== undefined && Number(compute.replace(".", "")) < oldest(architectures)) : [];
  if (old.length > 0)
    return unusable(
      `they are compiled for ${architectures}, and ${old.map(({ index, compute }) => `cuda:${index} has compute ${compute}`).join(", ")}`,
      "export ACCELERATE_TS_CUDA_KERNELS=0 where these GPUs train",
    );
  return { ...own, state: "used" };
}
