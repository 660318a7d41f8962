// Where an Accelerator's programs run: what the program says, then the launcher, then what is there.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { configuredDevice, configuredGpu } from "../config.js";
import { ArgumentError } from "../errors.js";
import { cpu, type Device, parseDevice } from "../runtime/index.js";
import { libraryPath } from "../runtime/library.js";

/** What the choice is made from. */
export interface DeviceWishes {
  /** The program's own. */
  readonly device?: string | Device | undefined;
  readonly cpu?: boolean | undefined;
  /** Whether `cpu` is the program's own wish; else it is the launcher's. */
  readonly cpuIsOwn: boolean;
  /** Where programs of this process run already. */
  readonly current: Device;
}

/** ONNX Runtime's CUDA provider lies beside the library. */
function hasProvider(): boolean {
  try {
    return existsSync(join(dirname(libraryPath()), "libonnxruntime_providers_cuda.so"));
  } catch {
    return false; // told where the library is needed
  }
}
/** The kernel shows NVIDIA's driver: on Linux, and inside of Windows. */
const hasDriver = (): boolean => ["/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path));

/**
 * The program's device, else that of the worker (ACCELERATE_TS_DEVICE), else the processor where `cpu` is wished, else the one that is open, else the GPU of this worker where CUDA is installed, else the
 * processor. WebGPU is never chosen by itself.
 * @throws ArgumentError ERR_DEVICE for a device that there is not, or two that contradict each other.
 */
export function chooseDevice({ device, cpu: onCpu, cpuIsOwn, current }: DeviceWishes): Device {
  const wished = typeof device === "string" ? parseWorkersDevice(device) : device;
  if (wished && onCpu && cpuIsOwn && wished.type !== "cpu")
    throw new ArgumentError(`the options device: "${wished}" and cpu: true contradict each other`, { code: "ERR_DEVICE", hint: "give one of them" });
  if (wished) return wished;
  if (onCpu && cpuIsOwn) return cpu;
  const configured = configuredDevice();
  if (configured) return configured;
  if (onCpu) return cpu;
  if (current.type !== "cpu") return current;
  const gpu = hasDriver() && hasProvider() ? configuredGpu() : undefined;
  return gpu === undefined ? cpu : parseDevice(`cuda:${gpu}`);
}

/** "cuda" alone is the GPU of this worker. */
function parseWorkersDevice(text: string): Device {
  if (text !== "cuda") return parseDevice(text);
  return parseDevice(`cuda:${configuredGpu() ?? 0}`);
}
