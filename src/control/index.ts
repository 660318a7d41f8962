// The control plane: a coordinator per job, an agent's client per host, a link per worker. Nothing here reads the environment; gRPC is loaded by Coordinator.start and
// CoordinatorClient.connect.
//
// An agent (launcher/):
//   const coordinator = await Coordinator.start({ jobId, hosts, processes, host, port, token, tls });   // on host 0; 127.0.0.1 and port 0 by default
//   const client = await CoordinatorClient.connect({ addresses: [coordinator.address], jobId, token, tls, onWaiting });
//   client.on("waiting" | "stop" | "abort" | "firstFailure" | "verdict" | "stall" | "lost", ...);       // before join
//   const plan = await client.join({ localWorkers, hostRank, hosts, processes });                       // plan.assignments[i]: of local worker i
//   const link = new AgentSideLink(child.stdio[3], { rank, assignment, store: client.store });          // both may be promises: workers can be started before the job is
//   link.on("event", ...), link.on("failure", (report) => client.reportFailure(rank, report)), link.stop(reason), link.abort(fault)
//   await link.closed, client.reportExit({ rank, exitCode, signal, stopped, stderrTail, ...link.progress })   // every worker's end, also the good one, after its last words
//   client.reportStall(stall), client.reportFault(rank, fault)                                          // what link's events told
//   client.requestStop(reason), client.requestAbort(fault), client.where(rank), client.answerWith((rank) => ({ state, text }))
//   await client.leave()                                                                                // after "verdict"; on host 0 then coordinator.close()
// A worker that fails: "abort" everywhere at once (end the workers, with stopped: true in reportExit), "firstFailure" 0.1 s after a failure that is no symptom (1 s after one that
// is), "verdict" when all workers of all hosts have ended: its exitCode is the launcher's.
//
// A worker: openWorkerLink(settings); reportFailure(settings, error) when it dies of an error.
export { type AgentSideEvents, AgentSideLink, type AgentSideOptions } from "./agent-side-link.js";
export { type ClientEvents, type ClientOptions, CoordinatorClient, type ExitReport, type JobPlan, type JoinOptions, type Stall } from "./client.js";
export type { Whereabouts, WorkerState } from "./convert.js";
export { Coordinator, type CoordinatorOptions } from "./coordinator.js";
export { describeFailure, ranksText } from "./describe.js";
export { ControlError, type ControlErrorCode, errorReport } from "./errors.js";
export { exitCodeOf, type Failure, type FailureKind, savedExitCode, type Verdict } from "./failures.js";
export type { TlsFiles } from "./tls.js";
export { type Assignment, endedKey, type LinkEvents, type WorkerEvent, type WorkerLink } from "./link.js";
export type { ErrorReport, HostPlan, KnownWorker } from "./messages.js";
export { reportFailure } from "./report.js";
export { createToken, isLoopback, readTokenFile } from "./token.js";
export { openWorkerLink } from "./worker-link.js";
