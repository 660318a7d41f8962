// Who started this process, read from a set of variables: accelerate-ts launch, torchrun, mpirun or srun. A table with one row per launcher; the first that fits counts.
import { ArgumentError } from "./errors.js";
import { TIMEOUT_SECONDS, WATCHDOG_SECONDS } from "./settings.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a launcher told a worker. */
export interface WorkerSettings {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localWorldSize: number;
  /** Whose variables were used. */
  readonly source: "accelerate-ts" | "torchrun" | "mpi" | "slurm";
  /** Our agent's socket. */
  readonly controlFd: number | undefined;
  /** Under other launchers: the host of rank 0. */
  readonly masterAddress: string | undefined;
  /** Under other launchers: their own port; ours is the next one. */
  readonly masterPort: number | undefined;
  readonly tokenFile: string | undefined;
  /** Number of this host among all, where the launcher says it. */
  readonly node: number | undefined;
  /** A collective that waits for longer is reported. */
  readonly watchdogMs: number;
  /** A collective that waits for longer ends the group. */
  readonly timeoutMs: number;
}

const MAX_PORT = 65535;

const wrong = (message: string, hint: string) => new ArgumentError(message, { code: "ERR_LAUNCH_ENVIRONMENT", hint });

/** A whole number from a variable; undefined when it is not set. */
function whole(env: Environment, name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || value < min || value > max)
    throw wrong(
      `${name} is "${text}"`,
      `set a whole number${min > 0 || max < Number.MAX_SAFE_INTEGER ? ` from ${min} to ${max}` : ""}, or unset it to run one process`,
    );
  return value;
}

/** Seconds from a variable, in milliseconds. */
function milliseconds(env: Environment, name: string, seconds: number): number {
  const text = env[name];
  if (!text) return seconds * 1000;
  const value = Number(text);
  if (!(value > 0)) throw wrong(`${name} is "${text}"`, "set a number of seconds greater than 0");
  return value * 1000;
}

/** The ports from 20000 on that jobs with different names mostly do not share; the same on every rank. */
function portOf(job: string): number {
  let hash = 2166136261;
  for (const letter of job) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
  return 20_000 + 2 * (hash % 6000); // even: the next one is the job's, too
}

/** Slurm's "2(x3),1" as [2, 2, 2, 1]. */
const perNode = (text: string): number[] =>
  text.split(",").flatMap((part) => {
    const [, count, times] = part.match(/^(\d+)(?:\(x(\d+)\))?$/) ?? [];
    return Array.from({ length: Number(times ?? 1) }, () => Number(count));
  });

/** The first of Slurm's host list: "a[001-003,7],b" is a001. */
export function firstHost(list: string): string {
  const [first = ""] = list.match(/^(?:[^,[]|\[[^\]]*\])*/) ?? [];
  return first.replace(/\[([^\],-]*)[^\]]*\]/g, "$1");
}

type Found = Pick<WorkerSettings, "rank" | "worldSize" | "source"> & {
  readonly localRank: number | undefined;
  readonly localWorldSize: number | undefined;
  readonly node: number | undefined;
  readonly masterAddress: string | undefined;
  readonly masterPort: number | undefined;
  /** How a user of that launcher gives the variables that are missing. */
  readonly cure: string;
};

interface Launcher {
  readonly source: WorkerSettings["source"];
  /** undefined: this launcher did not start us. */
  read(env: Environment): Found | undefined;
}

function pair(env: Environment, rankName: string, sizeName: string): { rank: number; worldSize: number } | undefined {
  const rank = whole(env, rankName);
  const worldSize = whole(env, sizeName, 1);
  if (rank === undefined && worldSize === undefined) return undefined;
  if (rank === undefined || worldSize === undefined) {
    const [there, missing] = rank === undefined ? [sizeName, rankName] : [rankName, sizeName];
    throw wrong(`${there} is set and ${missing} is not`, `a launcher sets both; unset ${there} to run one process`);
  }
  if (rank >= worldSize) throw wrong(`${rankName} is ${rank}, ${sizeName} ${worldSize}`, `ranks go from 0 to ${worldSize - 1}`);
  return { rank, worldSize };
}

const master = (env: Environment) => ({ masterAddress: env.MASTER_ADDR || undefined, masterPort: whole(env, "MASTER_PORT", 1, MAX_PORT - 1) });

/** RANK and its family, as torchrun sets them, and as our own launcher does. */
function ranks(env: Environment, source: "accelerate-ts" | "torchrun"): Found | undefined {
  const found = pair(env, "RANK", "WORLD_SIZE");
  if (!found) return undefined;
  const local = pair(env, "LOCAL_RANK", "LOCAL_WORLD_SIZE");
  const { masterAddress, masterPort } = master(env);
  // Started by hand on one machine: all ranks are here.
  const here = !local && (found.worldSize === 1 || /^(127\.|localhost$|::1$)/.test(masterAddress ?? ""));
  return {
    ...found,
    source,
    localRank: local?.rank ?? (here ? found.rank : undefined),
    localWorldSize: local?.worldSize ?? (here ? found.worldSize : undefined),
    node: whole(env, "GROUP_RANK"),
    masterAddress,
    masterPort,
    cure: "torchrun sets them, and so does accelerate-ts launch",
  };
}

const mpiFamilies = [
  ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"],
  ["MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"],
  ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
] as const;

/** One row per launcher, the surest sign first. A launcher inside another (torchrun under srun) comes before the outer one. */
const launchers: readonly Launcher[] = [
  { source: "accelerate-ts", read: (env) => (env.ACCELERATE_TS_CONTROL_FD ? ranks(env, "accelerate-ts") : undefined) },
  { source: "torchrun", read: (env) => ranks(env, "torchrun") },
  {
    source: "mpi",
    read: (env) => {
      // Slurm's own PMI sets PMI_RANK for every srun.
      const family = mpiFamilies.find(([rank]) => env[rank] && !(rank === "PMI_RANK" && env.SLURM_STEP_ID));
      const found = family && pair(env, family[0], family[1]);
      if (!found) return undefined;
      const local = pair(env, family[2], family[3]);
      const oneHost = local?.worldSize === found.worldSize;
      const { masterAddress, masterPort } = master(env);
      const job = env.PMIX_NAMESPACE ?? env.OMPI_MCA_ess_base_jobid ?? env.OMPI_MCA_orte_hnp_uri;
      return {
        ...found,
        source: "mpi",
        localRank: local?.rank,
        localWorldSize: local?.worldSize,
        node: undefined,
        masterAddress: masterAddress ?? (oneHost ? "127.0.0.1" : undefined),
        masterPort: masterPort ?? (oneHost && job ? portOf(job) : undefined),
        cure: "for example mpirun -x MASTER_ADDR=<host of rank 0> -x MASTER_PORT=29500 node train.js",
      };
    },
  },
  {
    source: "slurm",
    read: (env) => {
      const size = whole(env, "SLURM_STEP_NUM_TASKS", 1) === undefined ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS";
      // A batch script and an interactive shell see the same variables, but are no tasks of a step.
      if (!env.SLURM_STEP_ID || env.SLURM_PTY_PORT || (whole(env, size, 1) ?? 1) < 2) return undefined;
      const found = pair(env, "SLURM_PROCID", size);
      if (!found) return undefined;
      const node = whole(env, "SLURM_NODEID");
      const { masterAddress, masterPort } = master(env);
      const hosts = env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST;
      return {
        ...found,
        source: "slurm",
        localRank: whole(env, "SLURM_LOCALID"),
        localWorldSize: perNode(env.SLURM_STEP_TASKS_PER_NODE ?? env.SLURM_TASKS_PER_NODE ?? "")[node ?? 0] || undefined,
        node,
        masterAddress: masterAddress ?? (hosts ? firstHost(hosts) : undefined),
        masterPort: masterPort ?? (env.SLURM_JOB_ID ? portOf(`${env.SLURM_JOB_ID}.${env.SLURM_STEP_ID}`) : undefined),
        cure: "export them before srun",
      };
    },
  },
];

/**
 * The launcher's settings; undefined: nobody launched this process, or it is the child of a worker, and the world is this one process.
 * @throws ArgumentError ERR_LAUNCH_ENVIRONMENT when the variables contradict each other or some are missing.
 */
export function readWorkerSettings(env: Environment, pid: number): WorkerSettings | undefined {
  // A process that a worker started has inherited the variables, not the place in the group.
  if (env.ACCELERATE_TS_WORKER_PID && env.ACCELERATE_TS_WORKER_PID !== String(pid)) return undefined;
  for (const { source, read } of launchers) {
    const found = read(env);
    if (!found) continue;
    const { cure, ...settings } = found;
    const own = source === "accelerate-ts";
    const missing = Object.entries({
      LOCAL_RANK: found.localRank,
      LOCAL_WORLD_SIZE: found.localWorldSize,
      ...(found.worldSize > 1 && !own ? { MASTER_ADDR: found.masterAddress, MASTER_PORT: found.masterPort } : {}),
    })
      .filter(([, value]) => value === undefined)
      .map(([name]) => name);
    if (found.localRank === undefined || found.localWorldSize === undefined || missing.length > 0)
      throw wrong(`rank ${found.rank} of ${found.worldSize} (${source}): ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not set`, cure);
    if (found.localWorldSize > found.worldSize)
      throw wrong(`LOCAL_WORLD_SIZE is ${found.localWorldSize}, WORLD_SIZE ${found.worldSize}`, "a host cannot hold more workers than there are");
    return {
      ...settings,
      localRank: found.localRank,
      localWorldSize: found.localWorldSize,
      controlFd: own ? whole(env, "ACCELERATE_TS_CONTROL_FD", 3) : undefined,
      tokenFile: env.ACCELERATE_TS_TOKEN_FILE || undefined,
      watchdogMs: milliseconds(env, "ACCELERATE_TS_WATCHDOG", WATCHDOG_SECONDS),
      timeoutMs: milliseconds(env, "ACCELERATE_TS_TIMEOUT", TIMEOUT_SECONDS),
    };
  }
  return undefined;
}
