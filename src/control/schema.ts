// The messages of proto/control.proto as the field table by which they are read and written, and the numbers of its enums.
import type { Messages } from "./messages.js";

export type MessageName = keyof Messages;

/** uint64 and int64 are numbers: what is beyond 2^53 is refused. */
export type Scalar = "uint32" | "int32" | "uint64" | "int64" | "bool" | "string" | "bytes";
/** one: absent is zero or empty; maybe: absent is undefined. */
export type Presence = "one" | "maybe" | "many";
export interface Field<N extends string = string> {
  readonly number: number;
  readonly name: N;
  readonly type: Scalar | MessageName;
  readonly presence: Presence;
}
const one = <N extends string>(number: number, name: N, type: Scalar): Field<N> => ({ number, name, type, presence: "one" });
const maybe = <N extends string>(number: number, name: N, type: Scalar | MessageName): Field<N> => ({ number, name, type, presence: "maybe" });
const many = <N extends string>(number: number, name: N, type: Scalar | MessageName): Field<N> => ({ number, name, type, presence: "many" });

const reason = [one(1, "reason", "string")];
const fault = [maybe(1, "fault", "Fault")];
const error = [
  one(1, "name", "string"),
  one(2, "message", "string"),
  one(3, "code", "string"),
  one(4, "stack", "string"),
  many(5, "ranks", "uint32"),
  maybe(6, "step", "uint64"),
  maybe(7, "epoch", "uint64"),
];

export const schema: { readonly [M in MessageName]: readonly Field<Extract<keyof Messages[M], string>>[] } = {
  KnownWorker: [
    one(1, "rank", "uint32"),
    one(2, "worldSize", "uint32"),
    one(3, "localRank", "uint32"),
    one(4, "localWorldSize", "uint32"),
    maybe(5, "node", "uint32"),
    one(6, "hostId", "string"),
  ],
  JoinRequest: [
    one(1, "protocol", "uint32"),
    one(2, "member", "string"),
    one(3, "hostName", "string"),
    many(4, "addresses", "string"),
    one(5, "localWorkers", "uint32"),
    maybe(6, "hostRank", "uint32"),
    maybe(7, "hosts", "uint32"),
    maybe(8, "processes", "uint32"),
    maybe(9, "known", "KnownWorker"),
  ],
  JoinReply: [one(1, "heartbeatMs", "uint32"), one(2, "lostAfterMs", "uint32")],
  Heartbeat: [one(1, "number", "uint64")],
  ErrorReport: error,
  WorkerFailure: [one(1, "rank", "uint32"), maybe(2, "error", "ErrorReport"), one(3, "ageUs", "uint64")],
  WorkerExit: [
    one(1, "rank", "uint32"),
    maybe(2, "exitCode", "int32"),
    one(3, "signal", "string"),
    one(4, "stopped", "bool"),
    one(5, "stderrTail", "string"),
    one(6, "ageUs", "uint64"),
    maybe(7, "step", "uint64"),
    maybe(8, "epoch", "uint64"),
  ],
  WorkerStall: [
    one(1, "rank", "uint32"),
    one(2, "waitedMs", "uint64"),
    one(3, "collective", "string"),
    many(4, "waiting", "uint32"),
    many(5, "missing", "uint32"),
    maybe(6, "device", "string"),
  ],
  Fault: [one(1, "code", "uint32"), one(2, "message", "string"), many(3, "ranks", "uint32")],
  WorkerFault: [one(1, "rank", "uint32"), maybe(2, "fault", "Fault")],
  StopRequest: reason,
  AbortRequest: fault,
  Leave: [],
  Question: [one(1, "id", "uint64"), one(2, "rank", "uint32")],
  Answer: [one(1, "id", "uint64"), one(2, "rank", "uint32"), one(3, "state", "uint32"), one(4, "text", "string"), maybe(5, "step", "uint64")],
  AgentMessage: [
    maybe(1, "heartbeat", "Heartbeat"),
    maybe(2, "failure", "WorkerFailure"),
    maybe(3, "exit", "WorkerExit"),
    maybe(4, "stall", "WorkerStall"),
    maybe(5, "fault", "WorkerFault"),
    maybe(6, "stop", "StopRequest"),
    maybe(7, "abort", "AbortRequest"),
    maybe(8, "question", "Question"),
    maybe(9, "answer", "Answer"),
    maybe(10, "leave", "Leave"),
  ],
  Waiting: [one(1, "hosts", "uint32"), many(2, "joined", "string"), one(3, "text", "string")],
  HostPlan: [one(1, "name", "string"), one(2, "address", "string"), many(3, "ranks", "uint32")],
  Start: [one(1, "worldSize", "uint32"), one(2, "host", "uint32"), many(3, "hosts", "HostPlan"), many(4, "ranks", "uint32")],
  Stop: reason,
  Abort: fault,
  Failure: [
    one(1, "kind", "uint32"),
    many(2, "ranks", "uint32"),
    one(3, "host", "string"),
    maybe(4, "error", "ErrorReport"),
    maybe(5, "exitCode", "int32"),
    one(6, "signal", "string"),
    one(7, "stderrTail", "string"),
    one(8, "symptom", "bool"),
    one(9, "atMs", "uint64"),
    maybe(10, "step", "uint64"),
    maybe(11, "epoch", "uint64"),
  ],
  FirstFailure: [maybe(1, "failure", "Failure")],
  Verdict: [one(1, "exitCode", "uint32"), maybe(2, "first", "Failure"), many(3, "others", "Failure"), one(4, "stopped", "string")],
  CoordinatorMessage: [
    maybe(1, "heartbeat", "Heartbeat"),
    maybe(2, "waiting", "Waiting"),
    maybe(3, "start", "Start"),
    maybe(4, "stop", "Stop"),
    maybe(5, "abort", "Abort"),
    maybe(6, "firstFailure", "FirstFailure"),
    maybe(7, "verdict", "Verdict"),
    maybe(8, "question", "Question"),
    maybe(9, "answer", "Answer"),
    maybe(10, "stall", "WorkerStall"),
  ],
  SetRequest: [one(1, "key", "string"), one(2, "value", "bytes")],
  SetReply: [],
  GetRequest: [one(1, "key", "string"), one(2, "waitMs", "uint32")],
  GetReply: [one(1, "found", "bool"), one(2, "value", "bytes")],
  AddRequest: [one(1, "key", "string"), one(2, "amount", "int64")],
  AddReply: [one(1, "value", "int64")],
  DeleteRequest: [one(1, "key", "string")],
  DeleteReply: [],
  WorkerProgress: [one(1, "step", "uint64"), maybe(2, "epoch", "uint64")],
  WorkerStopping: [one(1, "step", "uint64"), maybe(2, "saved", "bool")],
  StoreRequest: [
    one(1, "id", "uint64"),
    maybe(2, "set", "SetRequest"),
    maybe(3, "get", "GetRequest"),
    maybe(4, "add", "AddRequest"),
    maybe(5, "delete", "DeleteRequest"),
  ],
  StoreCancel: [one(1, "id", "uint64")],
  WorkerFrame: [
    maybe(1, "progress", "WorkerProgress"),
    maybe(2, "stall", "WorkerStall"),
    maybe(3, "fault", "Fault"),
    maybe(4, "stopping", "WorkerStopping"),
    maybe(5, "failure", "ErrorReport"),
    maybe(6, "store", "StoreRequest"),
    maybe(7, "cancel", "StoreCancel"),
  ],
  Welcome: [
    one(1, "rank", "uint32"),
    one(2, "worldSize", "uint32"),
    one(3, "localRank", "uint32"),
    one(4, "localWorldSize", "uint32"),
    one(5, "host", "uint32"),
    one(6, "hosts", "uint32"),
    many(7, "hostOfRank", "uint32"),
    one(8, "address", "string"),
  ],
  StoreReply: [one(1, "id", "uint64"), one(2, "value", "bytes"), one(3, "number", "int64"), maybe(4, "error", "ErrorReport")],
  AgentFrame: [maybe(1, "welcome", "Welcome"), maybe(2, "stop", "Stop"), maybe(3, "abort", "Abort"), maybe(4, "store", "StoreReply")],
};

export const protocolVersion = 1;
/** enum FaultCode, by the codes of errors. */
export const faultCodes = {
  ERR_COLLECTIVE_MISMATCH: 1,
  ERR_COLLECTIVE_TIMEOUT: 2,
  ERR_PEER_LOST: 3,
  ERR_COLLECTIVE_ABORTED: 4,
  ERR_GROUP_CLOSED: 5,
  ERR_NCCL: 6,
} as const;
/** enum WorkerState. */
export const workerStates = { unknown: 1, starting: 2, "user code": 3, "native call": 4, collective: 5, stopped: 6, ended: 7 } as const;
/** enum FailureKind. */
export const failureKinds = { error: 1, exit: 2, signal: 3, "host lost": 4, "worker lost": 5 } as const;
