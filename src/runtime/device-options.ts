// How devices are opened: options with their defaults, and what helps where one cannot be opened.
import { ArgumentError } from "../errors.js";

/** How a device is opened; what a kind of device does not have it ignores. The first opening of a GPU in a process decides about its memory. */
export interface DeviceOptions {
  /** CUDA: bytes that the engine may take for its sessions, beside the arrays of the caller; default all. */
  readonly memoryLimit?: number;
  /** CUDA: how that memory grows, to the next power of two (default; fewer allocations) or by what is asked for (less memory). */
  readonly arenaStrategy?: "nextPowerOfTwo" | "sameAsRequested";
  /** CUDA: how cuDNN's algorithm for a convolution is found: by rules (default), by trying them all (faster later, slow at each new shape), or the first one. */
  readonly convolutions?: "heuristic" | "exhaustive" | "default";
  /** CUDA: products of float32 in TF32, with 10 bits of mantissa; default false. */
  readonly tf32?: boolean;
  /** CUDA: folders in which CUDA's and cuDNN's libraries lie, where the system's loader does not find them (pip: site-packages/nvidia/cu13/lib and nvidia/cudnn/lib). */
  readonly libraries?: readonly string[];
}

const arenaStrategies: readonly string[] = ["nextPowerOfTwo", "sameAsRequested"];
const searches: readonly string[] = ["heuristic", "exhaustive", "default"];

const cudaMissing = "npx accelerate-ts env says what is missing, npx accelerate-ts install cuda puts ONNX Runtime's CUDA provider in place";
/** By kind of device and code. */
export const openHints: { readonly [type: string]: { readonly [code: string]: string } } = {
  webgpu: { ERR_DEVICE_OPEN: "it needs a Vulkan driver and its loader (apt-get install libvulkan1 mesa-vulkan-drivers), Metal or Direct3D 12" },
  cuda: {
    ERR_DEVICE_OPEN: cudaMissing,
    ERR_DEVICE_PROVIDER: cudaMissing,
    ERR_DEVICE_DRIVER: "install a newer NVIDIA driver",
    ERR_DEVICE_NONE: "nvidia-smi lists the GPUs that the driver sees; CUDA_VISIBLE_DEVICES says which of them this process may use",
  },
};

/** @throws ArgumentError for values that there are not. */
export function completeOptions(options: DeviceOptions): Required<DeviceOptions> {
  const { memoryLimit = 0, arenaStrategy = "nextPowerOfTwo", convolutions = "heuristic", tf32 = false, libraries = [] } = options;
  if (!Number.isSafeInteger(memoryLimit) || memoryLimit < 0) throw new ArgumentError(`memoryLimit is ${memoryLimit}`, { hint: "give bytes" });
  if (!arenaStrategies.includes(arenaStrategy)) throw new ArgumentError(`arenaStrategy is ${arenaStrategy}`, { hint: `known: ${arenaStrategies.join(", ")}` });
  if (!searches.includes(convolutions)) throw new ArgumentError(`convolutions is ${convolutions}`, { hint: `known: ${searches.join(", ")}` });
  return { memoryLimit, arenaStrategy, convolutions, tf32, libraries };
}
