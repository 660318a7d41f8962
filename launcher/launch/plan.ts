// What a launch is to do: the options of the command line, checked against each other and completed.
import { UsageError } from "../usage.js";
import { findScript } from "./script.js";

/** Options as the command line gives them, by long name in camelCase. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;

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
  /** Where the coordinator listens (host 0) or is found; port 0: a free one. */
  readonly address: string;
  readonly port: number;
  readonly tokenFile: string | undefined;
  readonly tls: { readonly certificate: string | undefined; readonly key: string | undefined; readonly authority: string | undefined } | undefined;
  readonly cpu: boolean;
  readonly logDir: string | undefined;
  readonly threads: number | undefined;
  /** Of collectives, in seconds; undefined: the workers' defaults. */
  readonly watchdog: number | undefined;
  readonly timeout: number | undefined;
  /** Seconds between the first and the last word when a stop was asked for. */
  readonly stopGrace: number;
}

const STOP_GRACE = 30;
const MAX_WORKERS = 4096;

function whole(options: RawOptions, key: string, flag: string, min: number, max: number): number | undefined {
  const text = options[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (typeof text === "string" && /^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} ${text}: not a whole number from ${min} to ${max}`);
}

function seconds(options: RawOptions, key: string, flag: string): number | undefined {
  const text = options[key];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (typeof text === "string" && text.trim() !== "" && value > 0 && value < 1e7) return value;
  throw new UsageError(`${flag} ${text}: not a number of seconds greater than 0`);
}

const text = (options: RawOptions, key: string): string | undefined => {
  const value = options[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** What several machines need on each of them. */
const needed: readonly (readonly [key: string, flag: string, cure: string])[] = [
  ["machineRank", "--machine-rank R", "the number of this machine, 0 to M-1"],
  ["mainProcessIp", "--main-process-ip A", "the address of machine 0 that the others can reach"],
  ["mainProcessPort", "--main-process-port P", "a free port of machine 0"],
  ["tokenFile", "--token-file F", "a secret that all machines share: (umask 077; openssl rand -hex 32 > token), then copy the file to each machine"],
];

/**
 * @throws UsageError that says what contradicts what, or what is missing.
 */
export function planLaunch(options: RawOptions, operands: readonly string[], devices: number): LaunchPlan {
  const [script, ...args] = operands;
  if (script === undefined) throw new UsageError("no script given: accelerate-ts launch train.ts");
  const processes = whole(options, "numProcesses", "--num-processes", 1, MAX_WORKERS);
  const local = whole(options, "numLocalProcesses", "--num-local-processes", 1, MAX_WORKERS);
  const hosts = whole(options, "numMachines", "--num-machines", 1, MAX_WORKERS) ?? 1;
  const host = whole(options, "machineRank", "--machine-rank", 0, MAX_WORKERS - 1) ?? 0;
  const port = whole(options, "mainProcessPort", "--main-process-port", 0, 65534) ?? 0;
  const threads = whole(options, "numThreadsPerProcess", "--num-threads-per-process", 1, 1024);
  const watchdog = seconds(options, "watchdog", "--watchdog");
  const timeout = seconds(options, "timeout", "--timeout");
  const stopGrace = seconds(options, "stopGrace", "--stop-grace") ?? STOP_GRACE;

  if (host >= hosts)
    throw new UsageError(
      hosts === 1
        ? `--machine-rank ${host} without --num-machines: say how many machines there are`
        : `--machine-rank ${host} of ${hosts} machines: the machines are 0 to ${hosts - 1}`,
    );
  if (hosts > 1) {
    const missing = needed.filter(([key]) => options[key] === undefined || (key === "mainProcessPort" && port === 0));
    if (missing.length > 0)
      throw new UsageError(`--num-machines ${hosts} also needs:\n${missing.map(([, flag, cure]) => `  ${flag.padEnd(22)} ${cure}`).join("\n")}`);
  }
  if (timeout !== undefined && watchdog !== undefined && timeout < watchdog)
    throw new UsageError(`--timeout ${timeout} ends the job before --watchdog ${watchdog} has reported: give a smaller --watchdog`);
  const [certificate, key, authority] = [text(options, "tlsCert"), text(options, "tlsKey"), text(options, "tlsCa")];
  if ((certificate === undefined) !== (key === undefined)) throw new UsageError(`--tls-${certificate ? "cert needs --tls-key" : "key needs --tls-cert"}`);
  if (host === 0 && hosts > 1 && authority !== undefined && certificate === undefined)
    throw new UsageError("--tls-ca on machine 0 also needs its certificate: --tls-cert and --tls-key");

  if (processes !== undefined && local !== undefined && (hosts === 1 ? local !== processes : local > processes - (hosts - 1)))
    throw new UsageError(
      `--num-local-processes ${local} and --num-processes ${processes}${hosts > 1 ? ` over ${hosts} machines` : ""} contradict each other: leave one out`,
    );
  if (processes !== undefined && local === undefined && processes % hosts !== 0)
    throw new UsageError(`--num-processes ${processes} cannot be divided among ${hosts} machines: say with --num-local-processes how many each of them starts`);
  return {
    script: findScript(script),
    args,
    hosts,
    host,
    processes: processes ?? (hosts === 1 ? (local ?? devices) : undefined),
    localProcesses: local ?? (processes === undefined ? devices : processes / hosts),
    address: text(options, "mainProcessIp") ?? "127.0.0.1",
    port,
    tokenFile: text(options, "tokenFile"),
    tls: certificate === undefined && authority === undefined ? undefined : { certificate, key, authority },
    cpu: options.cpu === true,
    logDir: text(options, "logDir"),
    threads,
    watchdog,
    timeout,
    stopGrace,
  };
}
