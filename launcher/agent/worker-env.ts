// The variables of a worker: those of torchrun, so that scripts for it run, and ours.
import { type ProgramDefaults, programVariables } from "../../src/settings.js";
import type { Share } from "../launch/cores.js";

export interface WorkerPlace {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly localWorldSize: number;
  readonly host: number;
  readonly hosts: number;
  /** Of the coordinator. */
  readonly masterAddress: string;
  readonly masterPort: number;
}

export interface WorkerVariables {
  readonly place: WorkerPlace;
  readonly share: Share;
  readonly program: ProgramDefaults;
  /** Those that say which device is the worker's. */
  readonly device: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly watchdog: number | undefined;
  readonly timeout: number | undefined;
  /** Columns of the terminal that this worker's stderr ends on; undefined: it is none, or not this worker's to draw on. */
  readonly columns: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** File descriptor of the worker's end of the control socket. */
export const CONTROL_FD = 3;

/** What a launcher around this one has set for its own workers. */
const foreign = /^(ACCELERATE_TS_(WORKER_PID|AGENT_PID|CONTROL_FD|CORES|TERMINAL)|TORCHELASTIC_.*|ROLE_(RANK|WORLD_SIZE|NAME))$/;

const textOf = (value: string | number | boolean): string => (typeof value === "boolean" ? (value ? "1" : "0") : String(value));
/** In the variables that count first. */
const programEnvironment = (program: ProgramDefaults): Record<string, string> =>
  Object.fromEntries(
    (Object.keys(programVariables) as (keyof ProgramDefaults)[]).flatMap((name) => {
      const value = program[name];
      return value === undefined ? [] : [[programVariables[name][0], textOf(value)]];
    }),
  );

/** The launcher's own variables with the worker's; what the user has set for OpenMP stays. */
export function workerEnvironment(outer: Environment, { place, share, program, device, watchdog, timeout, columns }: WorkerVariables): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(outer).filter((entry): entry is [string, string] => entry[1] !== undefined && !foreign.test(entry[0])));
  const threads = String(share.threads);
  return {
    OMP_NUM_THREADS: threads,
    ...kept,
    ACCELERATE_TS_NUM_THREADS: threads, // the user's own number has been taken over
    RANK: String(place.rank),
    WORLD_SIZE: String(place.worldSize),
    LOCAL_RANK: String(place.localRank),
    LOCAL_WORLD_SIZE: String(place.localWorldSize),
    GROUP_RANK: String(place.host),
    GROUP_WORLD_SIZE: String(place.hosts),
    MASTER_ADDR: place.masterAddress,
    MASTER_PORT: String(place.masterPort),
    ACCELERATE_TS_CONTROL_FD: String(CONTROL_FD),
    ACCELERATE_TS_AGENT_PID: String(process.pid),
    ...(share.cores && { ACCELERATE_TS_CORES: share.cores.join(",") }),
    ...programEnvironment(program),
    ...device,
    ...(watchdog !== undefined && { ACCELERATE_TS_WATCHDOG: String(watchdog) }),
    ...(timeout !== undefined && { ACCELERATE_TS_TIMEOUT: String(timeout) }),
    ...(columns !== undefined && { ACCELERATE_TS_TERMINAL: String(columns) }),
  };
}
