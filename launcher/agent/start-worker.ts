// Starts one worker of a host: its variables, its log file, its place on the screen, its control link.
import { AgentSideLink, type Assignment, type CoordinatorClient } from "../../src/control/index.js";
import type { Terminal } from "../command.js";
import type { Share } from "../launch/cores.js";
import { deviceEnvironment } from "../launch/device.js";
import type { LaunchPlan } from "../launch/plan.js";
import { LocalWorker } from "./local-worker.js";
import { LogFile } from "./log-file.js";
import { prefixOf } from "./prefix.js";
import type { Screen } from "./screen.js";
import { workerEnvironment } from "./worker-env.js";
import { WorkerOutput } from "./worker-output.js";
import { WorkerProcess } from "./worker-process.js";

export interface AgentOptions {
  readonly plan: LaunchPlan;
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly shares: readonly Share[];
  /** One that has joined; may come after the workers were started. */
  readonly client: Promise<CoordinatorClient>;
  readonly color: Readonly<Record<"stdout" | "stderr", boolean>>;
}

/** What is to be started on this host. */
export interface LocalJob {
  readonly worldSize: number;
  /** Ranks of this host's workers, in the order of local ranks. */
  readonly ranks: readonly number[];
  /** Of the coordinator, for workers' variables. */
  readonly masterPort: number;
  /** May come after the workers were started. */
  readonly assignments: Promise<readonly Assignment[]>;
}

const columnsOf = ({ stderr }: Terminal): number => (stderr as { readonly columns?: number }).columns || 80;

/** Whether the worker has stdout and stderr to itself: nothing is prefixed, read or held back. */
export const writesItself = (worldSize: number, { logDir }: LaunchPlan): boolean => worldSize === 1 && logDir === undefined;

/** @throws AccelerateError ERR_LOG_DIR, ERR_SPAWN */
export async function startWorker(options: AgentOptions, job: LocalJob, localRank: number, screen: Screen): Promise<LocalWorker> {
  const { plan, terminal, env, shares, client, color } = options;
  const { worldSize, ranks, masterPort, assignments } = job;
  const { logDir, host, hosts, program, watchdog, timeout } = plan;
  const rank = ranks[localRank]!;
  const inherit = writesItself(worldSize, plan);
  const draws = rank === 0 && terminal.stderr.isTTY === true && !inherit;
  const onLogError = (error: Error) => screen.say(`${logDir}/rank-${rank}.log is not written any more (${error.message})`);
  const log = logDir === undefined ? undefined : await LogFile.open(logDir, rank, onLogError);
  const place = { rank, worldSize, localRank, localWorldSize: ranks.length, host, hosts, masterAddress: plan.address, masterPort };
  const columns = draws ? Math.max(1, columnsOf(terminal) - prefixOf(rank, worldSize, false).length) : undefined;
  const worker = await WorkerProcess.start({
    script: plan.script,
    args: plan.args,
    env: workerEnvironment(env, { place, share: shares[localRank]!, program, device: deviceEnvironment(plan.device, localRank), watchdog, timeout, columns }),
    stdin: rank === 0,
    inherit,
  });
  const prefix = { stdout: prefixOf(rank, worldSize, color.stdout), stderr: prefixOf(rank, worldSize, color.stderr) };
  const output = new WorkerOutput(worker, screen, log, { prefix, draws });
  const store = client.then(({ store }) => store);
  store.catch(() => {}); // the link tells each call
  const link = new AgentSideLink(worker.control, { rank, assignment: assignments.then((all) => all[localRank]!), store });
  return new LocalWorker(rank, worker, link, output);
}
