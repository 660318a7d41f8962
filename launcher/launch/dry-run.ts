// What `launch --dry-run` prints: the plan, where each setting comes from, and one command that says it all.
import { columns, givenRows } from "../config/show.js";
import { flagOf } from "../options/names.js";
import type { ResolvedSettings } from "../options/resolve.js";
import { settingNames } from "../options/settings.js";
import { shellWord } from "../options/shell-word.js";
import type { Share } from "./cores.js";
import { headerText } from "./header.js";
import type { LaunchPlan } from "./plan.js";

export interface DryRun {
  readonly plan: LaunchPlan;
  readonly settings: ResolvedSettings;
  readonly shares: readonly Share[];
  readonly usableCores: number;
  /** The script and its own arguments, as they were given. */
  readonly operands: readonly string[];
  readonly version: string;
}

/** The launch with every setting as a flag, whatever it came from. */
export function equivalentCommand(settings: ResolvedSettings, operands: readonly string[]): string {
  const flags = settingNames
    .filter((name) => name !== "configFile")
    .flatMap((name) => {
      const value = settings.values[name];
      if (value === undefined) return [];
      return typeof value === "boolean" ? [value ? flagOf(name) : flagOf(name).replace(/^--/, "--no-")] : [flagOf(name), shellWord(String(value))];
    });
  return ["accelerate-ts launch", ...flags, ...operands.map(shellWord)].join(" ");
}

export function dryRunText({ plan, settings, shares, usableCores, operands, version }: DryRun): string {
  const { hosts, host, address, port, processes, localProcesses } = plan;
  // How many the others start, and which ranks the machines have, is known when they have met.
  const worldSize = processes ?? localProcesses;
  const here = processes === undefined ? "besides those that the others start" : `${localProcesses} of them here`;
  const meeting = `machine ${host} of ${hosts}, ${here}; ${host === 0 ? "the others come to" : "it goes to"} ${address}:${port}`;
  const { device } = plan;
  const shareText = (cores: readonly number[] | undefined) => (cores ? `core${cores.length === 1 ? "" : "s"} ${cores.join(", ")}` : undefined);
  const gpuText = (worker: number) => {
    const gpu = device.type === "cuda" ? device.gpus[worker] : undefined;
    return gpu && `cuda:${gpu.index} ${gpu.name}${gpu.uuid ? ` ${gpu.uuid}` : ""}`;
  };
  return `${[
    ...(device.note ? [device.note] : []),
    headerText({ version, worldSize, hostNames: [], shares, usableCores, plan }),
    `script: ${plan.script}`,
    ...(hosts > 1 ? [meeting] : []),
    ...shares.flatMap(({ cores }, i) => {
      const given = [gpuText(i), shareText(cores)].filter((text) => text !== undefined);
      return given.length > 0 ? [`worker ${hosts > 1 ? `${i} of this machine` : i}: ${given.join("; ")}`] : [];
    }),
    ...(device.visible === undefined ? [] : [`CUDA_VISIBLE_DEVICES of the workers: ${device.visible}`]),
    ...columns(givenRows({ settings })),
    "nothing was started; the same in one command:",
    equivalentCommand(settings, operands),
  ].join("\n")}\n`;
}
