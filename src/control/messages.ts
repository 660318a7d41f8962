// The messages of proto/control.proto as TypeScript types.

export interface KnownWorker {
  rank: number;
  worldSize: number;
  localRank: number;
  localWorldSize: number;
  node?: number | undefined;
  hostId: string;
}
export interface JoinRequest {
  protocol: number;
  member: string;
  hostName: string;
  addresses: readonly string[];
  localWorkers: number;
  hostRank?: number | undefined;
  hosts?: number | undefined;
  processes?: number | undefined;
  known?: KnownWorker | undefined;
}
export interface JoinReply {
  heartbeatMs: number;
  lostAfterMs: number;
}
export interface Heartbeat {
  number: number;
}
export interface ErrorReport {
  name: string;
  message: string;
  code: string;
  stack: string;
  ranks: readonly number[];
  step?: number | undefined;
  epoch?: number | undefined;
}
export interface WorkerFailure {
  rank: number;
  error?: ErrorReport;
  ageUs: number;
}
export interface WorkerExit {
  rank: number;
  exitCode?: number | undefined;
  signal: string;
  stopped: boolean;
  stderrTail: string;
  ageUs: number;
  step?: number | undefined;
  epoch?: number | undefined;
}
export interface WorkerStall {
  rank: number;
  waitedMs: number;
  collective: string;
  waiting: readonly number[];
  missing: readonly number[];
  device?: string | undefined;
}
/** code: a FaultCode. */
export interface Fault {
  code: number;
  message: string;
  ranks: readonly number[];
}
export interface WorkerFault {
  rank: number;
  fault?: Fault;
}
export interface Stop {
  reason: string;
}
export interface Abort {
  fault?: Fault;
}
export type Empty = Record<never, never>;
export interface Question {
  id: number;
  rank: number;
}
/** state: a WorkerState. */
export interface Answer {
  id: number;
  rank: number;
  state: number;
  text: string;
  step?: number | undefined;
}
/** One of the fields is set. */
export interface AgentMessage {
  heartbeat?: Heartbeat;
  failure?: WorkerFailure;
  exit?: WorkerExit;
  stall?: WorkerStall;
  fault?: WorkerFault;
  stop?: Stop;
  abort?: Abort;
  question?: Question;
  answer?: Answer;
  leave?: Empty;
}
export interface Waiting {
  hosts: number;
  joined: readonly string[];
  text: string;
}
export interface HostPlan {
  name: string;
  address: string;
  ranks: readonly number[];
}
export interface Start {
  worldSize: number;
  host: number;
  hosts: readonly HostPlan[];
  ranks: readonly number[];
}
/** kind: a FailureKind. */
export interface FailureMessage {
  kind: number;
  ranks: readonly number[];
  host: string;
  error?: ErrorReport | undefined;
  exitCode?: number | undefined;
  signal: string;
  stderrTail: string;
  symptom: boolean;
  atMs: number;
  step?: number | undefined;
  epoch?: number | undefined;
}
export interface FirstFailure {
  failure?: FailureMessage;
}
export interface VerdictMessage {
  exitCode: number;
  first?: FailureMessage | undefined;
  others: readonly FailureMessage[];
  stopped: string;
}
/** One of the fields is set. */
export interface CoordinatorMessage {
  heartbeat?: Heartbeat;
  waiting?: Waiting;
  start?: Start;
  stop?: Stop;
  abort?: Abort;
  firstFailure?: FirstFailure;
  verdict?: VerdictMessage;
  question?: Question;
  answer?: Answer;
  stall?: WorkerStall;
}
export interface SetRequest {
  key: string;
  value: Uint8Array;
}
export interface GetRequest {
  key: string;
  waitMs: number;
}
export interface GetReply {
  found: boolean;
  value: Uint8Array;
}
export interface AddRequest {
  key: string;
  amount: number;
}
export interface AddReply {
  value: number;
}
export interface DeleteRequest {
  key: string;
}
export interface WorkerProgress {
  step: number;
  epoch?: number | undefined;
}
export interface WorkerStopping {
  step: number;
  saved?: boolean;
}
export interface StoreRequest {
  id: number;
  set?: SetRequest;
  get?: GetRequest;
  add?: AddRequest;
  delete?: DeleteRequest;
}
export interface StoreCancel {
  id: number;
}
/** One of the fields is set. */
export interface WorkerFrame {
  progress?: WorkerProgress;
  stall?: WorkerStall;
  fault?: Fault;
  stopping?: WorkerStopping;
  failure?: ErrorReport;
  store?: StoreRequest;
  cancel?: StoreCancel;
}
export interface Welcome {
  rank: number;
  worldSize: number;
  localRank: number;
  localWorldSize: number;
  host: number;
  hosts: number;
  hostOfRank: readonly number[];
  address: string;
}
export interface StoreReply {
  id: number;
  value: Uint8Array;
  number: number;
  error?: ErrorReport | undefined;
}
/** One of the fields is set. */
export interface AgentFrame {
  welcome?: Welcome;
  stop?: Stop;
  abort?: Abort;
  store?: StoreReply;
}

export interface Messages {
  readonly KnownWorker: KnownWorker;
  readonly JoinRequest: JoinRequest;
  readonly JoinReply: JoinReply;
  readonly Heartbeat: Heartbeat;
  readonly ErrorReport: ErrorReport;
  readonly WorkerFailure: WorkerFailure;
  readonly WorkerExit: WorkerExit;
  readonly WorkerStall: WorkerStall;
  readonly Fault: Fault;
  readonly WorkerFault: WorkerFault;
  readonly StopRequest: Stop;
  readonly AbortRequest: Abort;
  readonly Leave: Empty;
  readonly Question: Question;
  readonly Answer: Answer;
  readonly AgentMessage: AgentMessage;
  readonly Waiting: Waiting;
  readonly HostPlan: HostPlan;
  readonly Start: Start;
  readonly Stop: Stop;
  readonly Abort: Abort;
  readonly Failure: FailureMessage;
  readonly FirstFailure: FirstFailure;
  readonly Verdict: VerdictMessage;
  readonly CoordinatorMessage: CoordinatorMessage;
  readonly SetRequest: SetRequest;
  readonly SetReply: Empty;
  readonly GetRequest: GetRequest;
  readonly GetReply: GetReply;
  readonly AddRequest: AddRequest;
  readonly AddReply: AddReply;
  readonly DeleteRequest: DeleteRequest;
  readonly DeleteReply: Empty;
  readonly WorkerProgress: WorkerProgress;
  readonly WorkerStopping: WorkerStopping;
  readonly StoreRequest: StoreRequest;
  readonly StoreCancel: StoreCancel;
  readonly WorkerFrame: WorkerFrame;
  readonly Welcome: Welcome;
  readonly StoreReply: StoreReply;
  readonly AgentFrame: AgentFrame;
}
