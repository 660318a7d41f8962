// Whether programs can train on this machine's GPUs, and what is missing: driver, provider and libraries, asked once together.
import { existsSync } from "node:fs";
import { AccelerateError } from "../../src/errors.js";
import { askMachine, type Environment, type MachineAnswers } from "./ask.js";
import { driverLibrary, type GpuFacts, mayHaveGpus, readGpus, type Trouble } from "./gpus.js";
import { type Kernels, kernelsFile, kernelsOf } from "./kernels.js";
import { cudaMajor, type GpuLibrary, librariesOf, libraryCure, questionsFor, wantedLibraries } from "./libraries.js";
import { findProvider, type Provider } from "./provider.js";

const VULKAN = process.platform === "darwin" ? "libvulkan.dylib" : "libvulkan.so.1";
const adapterKinds = ["other", "integrated", "discrete", "virtual", "software"] as const;

export interface Adapter {
  readonly name: string;
  readonly kind: (typeof adapterKinds)[number];
  /** Bytes of its own memory. */
  readonly memory: number;
}

export interface GpuMachine extends GpuFacts {
  /** undefined: ONNX Runtime itself is missing. */
  readonly provider?: Provider;
  /** Those that training on NVIDIA's GPUs needs. */
  readonly libraries: readonly GpuLibrary[];
  /** Ours, where they were asked for. */
  readonly kernels?: Kernels;
  /** Vulkan's, for the device webgpu; on macOS it goes through Metal and is not asked. */
  readonly adapters: readonly Adapter[];
  readonly adapterTrouble?: Trouble;
  /** What keeps `cuda` from working, the first thing first; GPUs that are not there are none. */
  readonly missing: readonly Trouble[];
}

const list = (names: readonly string[]): string => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

function providerOf(folder: string | undefined): Provider | undefined {
  try {
    return findProvider(folder);
  } catch (error) {
    if (!(error instanceof AccelerateError)) throw error;
    return undefined;
  }
}

const vulkanCure = "apt-get install libvulkan1 and the GPU's driver for Vulkan (NVIDIA's brings its own; AMD, Intel: mesa-vulkan-drivers)";

export interface ReadOptions {
  /** Adapters for webgpu are asked, too. */
  readonly vulkan?: boolean;
  /** Libraries and our kernels are asked even where there is no GPU. */
  readonly libraries?: boolean;
  /** Where the provider is looked for, if not beside ONNX Runtime's library. */
  readonly folder?: string;
}

/** Takes no time where there is no driver and nothing else is asked. */
export async function readGpuMachine(env: Environment, { vulkan = false, libraries: always = false, folder }: ReadOptions = {}): Promise<GpuMachine> {
  const provider = providerOf(folder);
  const gpusPossible = mayHaveGpus(env);
  const asks = process.platform === "linux" && (gpusPossible || always);
  const wanted = asks ? wantedLibraries(provider?.needs ?? []) : [];
  const vulkanAsked = vulkan && process.platform !== "darwin";
  const object = always ? kernelsFile(env) : undefined;
  const { answers, failed }: { answers?: MachineAnswers; failed?: string } =
    asks || vulkanAsked
      ? await askMachine(
          {
            libraries: questionsFor(wanted),
            ...(asks && object !== undefined && existsSync(object) && { kernels: object }),
            ...(asks && gpusPossible && { driver: driverLibrary }),
            ...(vulkanAsked && { vulkan: VULKAN }),
          },
          env,
        )
      : {};
  const facts: GpuFacts = gpusPossible ? await readGpus(env, answers?.driver, failed) : { gpus: [] };
  const libraries = answers ? librariesOf(wanted, answers.libraries) : [];
  const missing: Trouble[] = facts.trouble ? [facts.trouble] : [];
  if (provider?.file === undefined)
    missing.push({
      what: `ONNX Runtime's CUDA provider is not installed${provider ? ` (no libonnxruntime_providers_cuda.so in ${provider.folder})` : ""}`,
      cure: "accelerate-ts install cuda",
    });
  const cure = libraryCure(wanted, cudaMajor(provider?.needs ?? []), env);
  const absent = libraries.filter(({ path, need }) => path === undefined && need === "always");
  if (absent.length > 0)
    missing.push({
      what: `the loader does not find ${list(absent.map(({ name, file }) => `${name} (${file})`))}`,
      cure,
    });
  const kernels = asks && always ? kernelsOf(env, answers?.kernels, { gpus: facts.gpus, libraries: cure }) : undefined;
  const adapters = (answers?.vulkan?.adapters ?? []).map(({ name, kind, memory }) => ({ name, kind: adapterKinds[kind] ?? "other", memory }));
  const error = vulkanAsked ? (failed ?? answers?.vulkan?.error) : undefined;
  const adapterTrouble =
    error !== undefined
      ? { what: error, cure: vulkanCure }
      : vulkanAsked && adapters.length === 0
        ? { what: "Vulkan knows no GPU", cure: vulkanCure }
        : undefined;
  return { ...facts, ...(provider && { provider }), libraries, ...(kernels && { kernels }), adapters, ...(adapterTrouble && { adapterTrouble }), missing };
}

const size = (bytes: number): string => `${Math.round(bytes / 2 ** 30)} GB`;

/** "cuda:0 NVIDIA A100-SXM4-80GB, cuda:1 Tesla T4 15 GB": the memory where the name does not say it. */
export const gpuList = (gpus: readonly { readonly index: number; readonly name: string; readonly memory: number }[]): string =>
  gpus.map(({ index, name, memory }) => `cuda:${index} ${name}${/\d ?GB/i.test(name) ? "" : ` ${size(memory)}`}`).join(", ");
