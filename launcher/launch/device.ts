// Which device a launch runs on, and which GPU each worker gets: what the settings say, then what the machine has.
import { AccelerateError } from "../../src/errors.js";
import type { DeviceType } from "../../src/runtime/device.js";
import { visibleGpus } from "../../src/visible-gpus.js";
import type { Environment } from "../gpu/ask.js";
import type { Gpu } from "../gpu/gpus.js";
import { type GpuMachine, gpuList, readGpuMachine } from "../gpu/machine.js";
import type { ResolvedSettings } from "../options/resolve.js";
import type { SettingName } from "../options/settings.js";
import { UsageError } from "../usage.js";

export interface DevicePlan {
  readonly type: DeviceType;
  /** For cuda: what workers get, the first for local rank 0. */
  readonly gpus: readonly Gpu[];
  /** CUDA_VISIBLE_DEVICES of the workers, where it is not the launcher's own. */
  readonly visible?: string;
  /** Why GPUs that are there stay idle, and what to do. */
  readonly note?: string;
}

export const onCpu: DevicePlan = { type: "cpu", gpus: [] };

const strength = { flag: 2, environment: 1, file: 0 } as const;

/** The kind of device that somebody asked for, and by which setting; undefined: nobody said anything. Of two that contradict each other the stronger one counts. */
function wish(settings: ResolvedSettings): { readonly type: DeviceType; readonly index?: number; readonly by: SettingName } | undefined {
  const { device, cpu, gpuIds } = settings.values;
  const [type, index] = device?.split(":") ?? [];
  const wishes = [
    ...(device === undefined ? [] : [{ type: type as DeviceType, ...(index !== undefined && { index: Number(index) }), by: "device" as const }]),
    ...(cpu ? [{ type: "cpu" as const, by: "cpu" as const }] : []),
    ...(gpuIds === undefined || gpuIds === "all" ? [] : [{ type: "cuda" as const, by: "gpuIds" as const }]),
  ];
  const rank = (name: SettingName) => strength[settings.given(name)[0]!.origin.kind];
  const strongest = Math.max(...wishes.map(({ by }) => rank(by)));
  const [first, ...others] = wishes.filter(({ by }) => rank(by) === strongest);
  const against = others.find((other) => other.type !== first!.type);
  if (against) throw new UsageError(`${settings.named(first!.by)} and ${settings.named(against.by)} contradict each other: leave one out`);
  return first;
}

/** The GPUs that --gpu-ids or cuda:N name, as cuda:0, cuda:1, ... and the variable that makes them so. */
function selected(gpus: readonly Gpu[], wanted: readonly string[], said: string, env: Environment): Pick<DevicePlan, "gpus" | "visible"> {
  const visible = visibleGpus(env);
  const found = wanted.map((name) => {
    const gpu = gpus.find(({ index, uuid }) => name === String(index) || (!/^\d+$/.test(name) && uuid?.toLowerCase().startsWith(name.toLowerCase())));
    if (gpu) return gpu;
    throw new UsageError(`${said}: there is no GPU ${name} (${gpus.length === 0 ? "none found" : gpuList(gpus)})`);
  });
  const twice = found.find((gpu, i) => found.indexOf(gpu) !== i);
  if (twice) throw new UsageError(`${said}: cuda:${twice.index} is named twice`);
  // A name of the outer variable stays as it is: it may be a part of a GPU (MIG) that has no number.
  return { gpus: found.map((gpu, index) => ({ ...gpu, index })), visible: found.map(({ index }) => visible?.[index] ?? String(index)).join(",") };
}

const noGpu = (env: Environment): string =>
  visibleGpus(env)?.length === 0
    ? `CUDA_VISIBLE_DEVICES is "${env.CUDA_VISIBLE_DEVICES}", which hides all GPUs: unset it, or --cpu`
    : "no NVIDIA GPU found (accelerate-ts env shows what is there; other makers' GPUs: --device webgpu), or --cpu";

/** GPUs that nobody asked for and that cannot be used are no error, but told. */
function automatic(machine: GpuMachine): DevicePlan {
  const [trouble] = machine.missing;
  if (machine.gpus.length === 0)
    return machine.trouble ? { ...onCpu, note: `no GPU is used: ${machine.trouble.what}; ${machine.trouble.cure}, or --cpu` } : onCpu;
  if (!trouble) return { type: "cuda", gpus: machine.gpus };
  const { length } = machine.gpus;
  return {
    ...onCpu,
    note: `${length === 1 ? "1 GPU is" : `${length} GPUs are`} not used (${gpuList(machine.gpus)}): ${trouble.what}: ${trouble.cure} (or --cpu to leave ${length === 1 ? "it" : "them"} idle)`,
  };
}

/**
 * Asks the machine only where the answer matters.
 * @throws UsageError for contradictions, AccelerateError ERR_NO_GPU where GPUs were asked for and cannot be used.
 */
export async function chooseDevice(
  settings: ResolvedSettings,
  env: Environment,
  read: (env: Environment) => Promise<GpuMachine> = readGpuMachine,
): Promise<DevicePlan> {
  const wanted = wish(settings);
  if (wanted && wanted.type !== "cuda") return { type: wanted.type, gpus: [] };
  const machine = await read(env);
  if (!wanted) return automatic(machine);
  const said = settings.named(wanted.by);
  const [trouble] = machine.missing;
  if (machine.gpus.length === 0) {
    const { trouble: broken } = machine;
    throw new AccelerateError("ERR_NO_GPU", broken ? `${said}: ${broken.what}` : `${said}: ${noGpu(env)}`, broken && { hint: `${broken.cure}, or --cpu` });
  }
  if (trouble) throw new AccelerateError("ERR_NO_GPU", `${said}: ${gpuList(machine.gpus)}, but ${trouble.what}`, { hint: trouble.cure });
  const ids = settings.values.gpuIds;
  if (wanted.index !== undefined) return { type: "cuda", ...selected(machine.gpus, [String(wanted.index)], said, env) };
  if (ids === undefined || ids === "all") return { type: "cuda", gpus: machine.gpus };
  return {
    type: "cuda",
    ...selected(
      machine.gpus,
      ids.split(",").map((id) => id.trim()),
      settings.named("gpuIds"),
      env,
    ),
  };
}

/** @throws UsageError when more workers are asked for than there are GPUs. */
export function checkGpus({ type, gpus }: DevicePlan, workers: number): void {
  if (type !== "cuda" || workers <= gpus.length) return;
  throw new UsageError(
    `${workers} workers asked for, ${gpus.length} GPU${gpus.length === 1 ? "" : "s"} found (${gpuList(gpus)}): lower --num-processes, or --cpu`,
  );
}

/** "cpu", "webgpu", "cuda:0 (NVIDIA A100-SXM4-80GB)", "cuda:0 to cuda:7 (NVIDIA A100-SXM4-80GB)", "cuda:0 (A100), cuda:1 (T4)". */
export function deviceText({ type, gpus }: DevicePlan, workers: number): string {
  if (type !== "cuda") return type;
  const used = gpus.slice(0, workers);
  const [first] = used;
  if (!first) return type;
  const same = used.every(({ name }) => name === first.name);
  if (!same) return used.map(({ index, name }) => `cuda:${index} (${name})`).join(", ");
  const last = used.at(-1)!;
  return `cuda:${first.index}${used.length > 1 ? `${used.length > 2 ? " to" : " and"} cuda:${last.index}` : ""} (${first.name})`;
}

/** Variables of the worker with a local rank. */
export const deviceEnvironment = ({ type, visible }: DevicePlan, localRank: number): Record<string, string> => ({
  ACCELERATE_TS_DEVICE: type === "cuda" ? `cuda:${localRank}` : type,
  ...(visible !== undefined && { CUDA_VISIBLE_DEVICES: visible }),
});
