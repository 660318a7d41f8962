// The control thread of a worker that another launcher started: its own agent, and in rank 0 the coordinator. Runs beside the main thread, so that a busy one is not taken for dead.
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { ownHostName } from "./addresses.js";
import { AgentEnd } from "./agent-end.js";
import { CoordinatorClient, type JobPlan } from "./client.js";
import { Coordinator } from "./coordinator.js";
import { ControlError, errorReport } from "./errors.js";
import type { FromThread, ThreadData, ToThread } from "./foreign-messages.js";
import { hostId } from "./host-id.js";
import { timeouts } from "./limits.js";
import { awaitToken, publishToken } from "./loopback-token.js";
import { createToken, isLoopback, readTokenFile } from "./token.js";

const { settings, done } = workerData as ThreadData;
const { rank, worldSize, localRank, localWorldSize, node, tokenFile, timeoutMs } = settings;
/** How long rank 0 stays for the others' calls when it is done before them. */
const lingerMs = 10_000;

const say = (message: FromThread): void => parentPort!.postMessage(message);

interface Place {
  /** Where the coordinator listens, and where it is called. */
  readonly bind: string;
  readonly address: string;
  readonly port: number;
  readonly loopback: boolean;
}

function place(): Place {
  const { masterAddress, masterPort } = settings;
  if (masterPort === undefined || masterAddress === undefined || masterPort >= 65535)
    throw new ControlError("ERR_LAUNCH_MISMATCH", `rank ${rank} of ${worldSize} was not told where rank 0 is`, {
      hint: "set MASTER_ADDR and MASTER_PORT (below 65535)",
    });
  const port = masterPort + 1;
  // All on one host: nothing needs to leave it, whatever its name resolves to.
  if (isLoopback(masterAddress) || localWorldSize === worldSize) return { bind: "127.0.0.1", address: `127.0.0.1:${port}`, port, loopback: true };
  const v6 = masterAddress.includes(":");
  return { bind: v6 ? "::" : "0.0.0.0", address: v6 ? `[${masterAddress}]:${port}` : `${masterAddress}:${port}`, port, loopback: false };
}

const jobId = (port: number): string => `port-${port}/world-${worldSize}`;

async function givenToken({ loopback }: Place): Promise<string | undefined> {
  if (tokenFile !== undefined) return readTokenFile(tokenFile);
  if (loopback) return undefined;
  throw new ControlError(
    "ERR_CONTROL_SECURITY",
    `rank ${rank} of ${worldSize} spans hosts (MASTER_ADDR ${settings.masterAddress}) and has no token: whoever reaches rank 0 could join the job`,
    {
      hint: "make one with (umask 077; openssl rand -hex 32 > token), copy it to all hosts and set ACCELERATE_TS_TOKEN_FILE",
    },
  );
}

let coordinator: Coordinator | undefined;
let client: CoordinatorClient | undefined;

/** Rank 0: the coordinator, with the token shown to the others. */
async function serve(where: Place): Promise<{ token: string; ready: () => Promise<void> }> {
  const given = await givenToken(where);
  const token = given ?? createToken();
  try {
    coordinator = await Coordinator.start({
      jobId: jobId(where.port),
      hosts: worldSize,
      host: where.bind,
      port: where.port,
      token,
      warn: (text) => say({ kind: "say", text }),
    });
  } catch (cause) {
    if (!(cause instanceof ControlError) || cause.code !== "ERR_COORDINATOR_UNREACHABLE") throw cause;
    throw new ControlError(cause.code, `rank 0 cannot serve the other ranks: ${cause.message}`, {
      cause,
      hint: `port ${where.port} is MASTER_PORT + 1; choose another MASTER_PORT`,
    });
  }
  // Only who has the port may write its file: another job's rank 0 may have shown its token there.
  const remove = given === undefined ? await publishToken(where.port, token) : async () => {};
  return { token, ready: remove };
}

const known = { rank, worldSize, localRank, localWorldSize, node, hostId: hostId() };
const onWaiting = (text: string): void => say({ kind: "say", text: `rank ${rank}: ${text}` });

async function connect(where: Place, token: string, joinMs: number): Promise<JobPlan> {
  client = await CoordinatorClient.connect({
    addresses: [where.address],
    jobId: jobId(where.port),
    token,
    storeTimeoutMs: timeoutMs,
    timeoutMs: joinMs,
    onWaiting,
  });
  client.on("waiting", onWaiting);
  client.on("stop", (reason) => end.stop(reason));
  client.on("abort", (fault) => end.abort(fault));
  client.on("lost", ({ message }) =>
    end.abort({ code: "ERR_PEER_LOST", message: `rank 0, which serves the others, is gone: ${message}`, ranks: rank === 0 ? [] : [0] }),
  );
  return client.join({ localWorkers: 1, hostName: ownHostName(), known, timeoutMs: joinMs });
}

async function join(): Promise<JobPlan> {
  const where = place();
  const end = performance.now() + timeouts.joinMs;
  const left = (): number => Math.max(1000, end - performance.now());
  if (rank === 0) {
    const { token, ready } = await serve(where);
    try {
      return await connect(where, token, left());
    } finally {
      await ready();
    }
  }
  const given = await givenToken(where);
  if (given !== undefined) return connect(where, given, left());
  for (let refused = 0; ; refused++) {
    try {
      return await connect(where, await awaitToken(where.port, left()), left());
    } catch (error) {
      // The file, or the port, of a job that ended a moment ago: rank 0 of this one is still to come.
      await client?.close();
      if (!(error instanceof ControlError) || error.code !== "ERR_CONTROL_AUTH" || refused >= 100 || performance.now() >= end) throw error;
      await sleep(100);
    }
  }
}

const plan = join();
const end = new AgentEnd((frame) => say({ kind: "frame", frame }), {
  rank,
  assignment: plan.then(({ assignments }) => assignments[0]!),
  store: plan.then(() => client!.store),
});
end.on("event", (event) => {
  if (event.kind === "fault") client?.reportFault(rank, event.fault);
  if (event.kind === "stalled") client?.reportStall({ ...event, rank });
});

let joined = false;
plan.then(
  () => {
    joined = true;
  },
  (error: unknown) => say({ kind: "lost", error: errorReport(error) }),
);

async function lastWords(code: number, error: Extract<ToThread, { kind: "exit" }>["error"]): Promise<void> {
  if (client) {
    // An error that the program has survived is none of ours.
    if (error && code !== 0) client.reportFailure(rank, { ...error, ...end.progress });
    client.reportExit({ rank, exitCode: code, ...end.progress });
    if (code === 0 && coordinator && joined) await Promise.race([coordinator.done, sleep(lingerMs)]);
    await (code === 0 ? client.leave() : client.close());
  }
  await coordinator?.close({ quietly: code === 0 });
}

parentPort!.on("message", (message: ToThread) => {
  if (message.kind === "frame") return end.receive(message.frame);
  void lastWords(message.code, message.error).finally(() => {
    const flag = new Int32Array(done);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  });
});
