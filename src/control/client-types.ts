// What an agent tells the coordinator's client, and hears from it.
import type { CollectiveFault } from "../distributed/errors.js";
import type { ChannelOptions } from "./channel.js";
import type { ControlError } from "./errors.js";
import type { Failure, Verdict } from "./failures.js";
import type { Assignment } from "./link.js";
import type { HostPlan, KnownWorker, WorkerExit } from "./messages.js";

export interface ClientOptions extends ChannelOptions {
  /** Until a key of the store must be there, where a call does not say otherwise; default 5 minutes. */
  readonly storeTimeoutMs?: number;
}

export interface JoinOptions {
  /** Number of workers that this host will run. */
  readonly localWorkers: number;
  /** Default: the machine's. */
  readonly hostName?: string;
  /** How other hosts reach this one, best first; default: all addresses of its network interfaces. */
  readonly addresses?: readonly string[];
  /** Wished number of this host. */
  readonly hostRank?: number | undefined;
  /** What this host was told of the job; compared with what the others were told. */
  readonly hosts?: number | undefined;
  readonly processes?: number | undefined;
  /** Under another launcher: the one worker that this is. */
  readonly known?: KnownWorker | undefined;
  /** Until all hosts must have joined; default 10 minutes. */
  readonly timeoutMs?: number;
}

/** Who does what, known when all hosts have joined. */
export interface JobPlan {
  readonly worldSize: number;
  /** Number of this host. */
  readonly host: number;
  readonly hosts: readonly HostPlan[];
  /** Of the workers of this agent, in the order of local ranks. */
  readonly assignments: readonly Assignment[];
}

/** A worker that waits for others longer than the watchdog allows. */
export interface Stall {
  readonly rank: number;
  readonly waitedMs: number;
  readonly collective: string;
  readonly waiting: readonly number[];
  readonly missing: readonly number[];
  /** GPUs are waited for: how far the one of `rank` is. */
  readonly device?: string | undefined;
}

export interface ClientEvents {
  /** Before the start: who has joined and who is awaited, after sayAfterMs and then every 30 s. */
  waiting: (text: string) => void;
  /** The job is asked to stop in order. */
  stop: (reason: string) => void;
  /** The job ends: this host's workers are to be ended. */
  abort: (fault: CollectiveFault) => void;
  /** Which failure was the first; comes after abort, when it is sure enough. */
  firstFailure: (failure: Failure) => void;
  /** The end of the job: after it the coordinator's end is no loss. */
  verdict: (verdict: Verdict) => void;
  /** A worker of another host waits. */
  stall: (stall: Stall) => void;
  /** The coordinator is gone before the job's end; comes once. */
  lost: (error: ControlError) => void;
}

export type ExitReport = Pick<WorkerExit, "exitCode" | "step" | "epoch"> & {
  readonly rank: number;
  readonly signal?: string | undefined;
  /** The agent ended it on purpose. */
  readonly stopped?: boolean;
  readonly stderrTail?: string;
  /** performance.now() of the end; default now. */
  readonly at?: number;
};
