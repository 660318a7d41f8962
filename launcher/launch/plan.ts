// What a launch is to do: its settings, checked against each other and completed.
import { type ProgramDefaults, programVariables } from "../../src/settings.js";
import type { ResolvedSettings } from "../options/resolve.js";
import { type SettingName, settings as table } from "../options/settings.js";
import { UsageError } from "../usage.js";
import { checkGpus, type DevicePlan } from "./device.js";
import { findScript } from "./script.js";

export interface LaunchPlan {
  /** Absolute. */
  readonly script: string;
  readonly args: readonly string[];
  /** Number of hosts, and of this one. */
  readonly hosts: number;
  readonly host: number;
  /** Workers on all hosts; undefined: the sum of what the hosts start. */
  readonly processes: number | undefined;
  readonly localProcesses: number;
  /** Of this host's workers. */
  readonly device: DevicePlan;
  /** Where the coordinator listens (host 0) or is found; port 0: a free one. */
  readonly address: string;
  readonly port: number;
  readonly tokenFile: string | undefined;
  readonly tls: { readonly certificate: string | undefined; readonly key: string | undefined; readonly authority: string | undefined } | undefined;
  /** What workers' Accelerators take where the script itself says nothing; what is left out stays as the environment has it. */
  readonly program: ProgramDefaults;
  readonly logDir: string | undefined;
  readonly threads: number | undefined;
  /** Of collectives, in seconds; undefined: the workers' defaults. */
  readonly watchdog: number | undefined;
  readonly timeout: number | undefined;
  /** Seconds between the first and the last word when a stop was asked for. */
  readonly stopGrace: number;
  /** No line about what is started. */
  readonly quiet: boolean;
}

/** What several machines need on each of them. */
const needed: readonly (readonly [key: SettingName, flag: string, cure: string])[] = [
  ["machineRank", "--machine-rank R", "the number of this machine, 0 to M-1"],
  ["mainProcessIp", "--main-process-ip A", "the address of machine 0 that the others can reach"],
  ["mainProcessPort", "--main-process-port P", "a free port of machine 0"],
  ["tokenFile", "--token-file F", "a secret that all machines share: (umask 077; openssl rand -hex 32 > token), then copy the file to each machine"],
];

/** What scripts are told. A default that a file repeats is nobody's wish: a script that says otherwise contradicts nobody. */
function programDefaults(settings: ResolvedSettings): ProgramDefaults {
  const names = Object.keys(programVariables) as (keyof ProgramDefaults)[];
  const told = names.filter((name) => {
    const [first] = settings.given(name);
    return first !== undefined && !(first.origin.kind === "file" && first.value === table[name].fallback);
  });
  return Object.fromEntries(told.map((name) => [name, settings.values[name]]));
}

/**
 * @throws UsageError that says what contradicts what, or what is missing.
 */
export function planLaunch(settings: ResolvedSettings, operands: readonly string[], device: DevicePlan): LaunchPlan {
  const [script, ...args] = operands;
  if (script === undefined) throw new UsageError("no script given: accelerate-ts launch train.ts");
  const { values } = settings;
  const devices = device.type === "cuda" ? device.gpus.length : 1;
  const named = (name: SettingName) => settings.named(name);
  const { numProcesses: processes, numLocalProcesses: local, numMachines: hosts = 1, machineRank: host = 0, mainProcessPort: port = 0 } = values;
  const { watchdog, timeout, tlsCert: certificate, tlsKey: key, tlsCa: authority } = values;

  if (host >= hosts)
    throw new UsageError(
      hosts === 1
        ? `${named("machineRank")} without --num-machines: say how many machines there are`
        : `${named("machineRank")} of ${hosts} machines: the machines are 0 to ${hosts - 1}`,
    );
  if (hosts > 1) {
    const missing = needed.filter(([name]) => values[name] === undefined || (name === "mainProcessPort" && port === 0));
    if (missing.length > 0)
      throw new UsageError(`${named("numMachines")} also needs:\n${missing.map(([, flag, cure]) => `  ${flag.padEnd(22)} ${cure}`).join("\n")}`);
  }
  if (timeout !== undefined && watchdog !== undefined && timeout < watchdog)
    throw new UsageError(`${named("timeout")} ends the job before ${named("watchdog")} has reported: give a smaller --watchdog`);
  if ((certificate === undefined) !== (key === undefined))
    throw new UsageError(certificate === undefined ? `${named("tlsKey")} needs --tls-cert` : `${named("tlsCert")} needs --tls-key`);
  if (host === 0 && hosts > 1 && authority !== undefined && certificate === undefined)
    throw new UsageError(`${named("tlsCa")} on machine 0 also needs its certificate: --tls-cert and --tls-key`);

  if (processes !== undefined && local !== undefined && (hosts === 1 ? local !== processes : local > processes - (hosts - 1)))
    throw new UsageError(
      `${named("numLocalProcesses")} and ${named("numProcesses")}${hosts > 1 ? ` over ${hosts} machines` : ""} contradict each other: leave one out`,
    );
  if (processes !== undefined && local === undefined && processes % hosts !== 0)
    throw new UsageError(`${named("numProcesses")} cannot be divided among ${hosts} machines: say with --num-local-processes how many each of them starts`);
  const localProcesses = local ?? (processes === undefined ? devices : processes / hosts);
  const { cpu, ...others } = programDefaults(settings);
  const plan = {
    script: findScript(script),
    args,
    hosts,
    host,
    processes: processes ?? (hosts === 1 ? (local ?? devices) : undefined),
    localProcesses,
    device,
    address: values.mainProcessIp ?? "127.0.0.1",
    port,
    tokenFile: values.tokenFile,
    tls: certificate === undefined && authority === undefined ? undefined : { certificate, key, authority },
    // What was said more strongly about the device counts for it, too.
    program: { ...others, ...(cpu !== undefined && device.type === "cpu" && { cpu }) },
    logDir: values.logDir,
    threads: values.numThreadsPerProcess,
    watchdog,
    timeout,
    stopGrace: values.stopGrace ?? table.stopGrace.fallback!,
    quiet: values.quiet ?? false,
  };
  checkGpus(device, localProcesses);
  return plan;
}
