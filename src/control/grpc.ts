// gRPC, loaded on first use: the service as grpc-js wants it, options of both ends, status codes as our errors.
import type * as Grpc from "@grpc/grpc-js";
import { decode, encode } from "./codec.js";
import { ControlError, type ControlErrorCode } from "./errors.js";
import { messageBytes } from "./limits.js";
import type { Messages } from "./messages.js";
import type { MessageName } from "./schema.js";

export type GrpcModule = typeof Grpc;
/** Loading takes 0.1 s: only agents, the coordinator and control threads do it. */
export async function loadGrpc(): Promise<GrpcModule> {
  const grpc = await import("@grpc/grpc-js");
  // Its lines on stderr repeat what our errors say.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  return grpc;
}

const servicePath = "/accelerate.v1.Coordinator/";
interface Method {
  readonly request: MessageName;
  readonly reply: MessageName;
  readonly stream: boolean;
}
export const methods = {
  Join: { request: "JoinRequest", reply: "JoinReply", stream: false },
  Session: { request: "AgentMessage", reply: "CoordinatorMessage", stream: true },
  Set: { request: "SetRequest", reply: "SetReply", stream: false },
  Get: { request: "GetRequest", reply: "GetReply", stream: false },
  Add: { request: "AddRequest", reply: "AddReply", stream: false },
  Delete: { request: "DeleteRequest", reply: "DeleteReply", stream: false },
} as const satisfies Record<string, Method>;
export type MethodName = keyof typeof methods;
export type UnaryName = Exclude<MethodName, "Session">;
export type RequestOf<M extends MethodName> = Messages[(typeof methods)[M]["request"]];
export type ReplyOf<M extends MethodName> = Messages[(typeof methods)[M]["reply"]];

const serialize = (name: MessageName) => (message: object) => Buffer.from(encode(name, message as never));
const deserialize = (name: MessageName) => (bytes: Buffer) => decode(name, bytes) as object;

export const serviceDefinition: Grpc.ServiceDefinition = Object.fromEntries<Grpc.MethodDefinition<object, object>>(
  Object.entries(methods as Record<string, Method>).map(([name, { request, reply, stream }]) => [
    name,
    {
      path: servicePath + name,
      requestStream: stream,
      responseStream: stream,
      requestSerialize: serialize(request),
      requestDeserialize: deserialize(request),
      responseSerialize: serialize(reply),
      responseDeserialize: deserialize(reply),
    },
  ]),
);
export const definitionOf = (name: MethodName): Grpc.MethodDefinition<object, object> => serviceDefinition[name]!;

/** What identifies a call, in its metadata. */
export const metadataKeys = { token: "authorization", job: "x-accelerate-job", member: "x-accelerate-member" } as const;

const common: Grpc.ChannelOptions = {
  "grpc.max_receive_message_length": messageBytes,
  "grpc.max_send_message_length": messageBytes,
  "grpc.keepalive_time_ms": 5_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.enable_channelz": 0,
};
/** A connection without a call is no agent (those hold a session): it is closed after half a minute. */
export const serverOptions: Grpc.ServerOptions = {
  ...common,
  "grpc.max_connection_idle_ms": 30_000,
  "grpc.max_concurrent_streams": 1 << 15,
};
export const clientOptions: Grpc.ClientOptions = {
  ...common,
  "grpc.keepalive_permit_without_calls": 1,
  // One connection per job: tokens and certificates differ. No proxies, no DNS records, no hidden retries of calls that count.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_retries": 0,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.min_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
};

/** Names of @grpc/grpc-js' status codes. */
export const status = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const codeOfStatus: Readonly<Record<number, ControlErrorCode>> = {
  [status.cancelled]: "ERR_CONTROL_CLOSED",
  [status.invalidArgument]: "ERR_CONTROL_MALFORMED",
  [status.deadlineExceeded]: "ERR_CONTROL_TIMEOUT",
  [status.resourceExhausted]: "ERR_CONTROL_LIMIT",
  [status.failedPrecondition]: "ERR_LAUNCH_MISMATCH",
  [status.permissionDenied]: "ERR_CONTROL_AUTH",
  [status.unauthenticated]: "ERR_CONTROL_AUTH",
  [status.unavailable]: "ERR_COORDINATOR_LOST",
};
const statusOfCode = new Map<ControlErrorCode, number>(Object.entries(codeOfStatus).map(([number, code]) => [code, Number(number)]));

/** A failed call as our error: the server's own words where it had some. */
export function controlErrorOf(error: Grpc.ServiceError, where: string): ControlError {
  const code = codeOfStatus[error.code] ?? "ERR_CONTROL_INTERNAL";
  return new ControlError(code, `${where}: ${error.details || error.message}`, { cause: error });
}

/** Our error as what a handler answers. */
export function statusOf(error: unknown): { code: number; details: string } {
  if (error instanceof ControlError) return { code: statusOfCode.get(error.code) ?? status.internal, details: error.message };
  return { code: status.internal, details: error instanceof Error ? error.message : String(error) };
}
