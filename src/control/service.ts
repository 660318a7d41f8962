// The handlers of the coordinator's gRPC service: calls to a job and a store, streams to sessions.
import type * as Grpc from "@grpc/grpc-js";
import { ControlError, messageOf } from "./errors.js";
import { type GrpcModule, metadataKeys, type ReplyOf, type RequestOf, statusOf, type UnaryName } from "./grpc.js";
import type { Job } from "./job.js";
import type { KeyValues } from "./key-values.js";
import { timeouts } from "./limits.js";
import type { AgentMessage, CoordinatorMessage } from "./messages.js";
import type { AgentPort } from "./questions.js";

/** "10.0.0.2:4711", "[::1]:4711", "::ffff:10.0.0.2:4711" as an address. */
function addressOf(peer: string): string | undefined {
  const address = /^\[?([0-9a-fA-F.:]+?)\]?:\d+$/.exec(peer)?.[1]?.replace(/^::ffff:/, "");
  return address || undefined;
}

type Handler<M extends UnaryName> = (request: RequestOf<M>, peer: string | undefined, signal: AbortSignal) => ReplyOf<M> | Promise<ReplyOf<M>>;

export function serviceOf(grpc: GrpcModule, job: Job, values: KeyValues): Grpc.UntypedServiceImplementation {
  const unary: { readonly [M in UnaryName]: Handler<M> } = {
    Join: (request, peer) => job.join(request, peer),
    Set: ({ key, value }) => {
      values.set(key, value);
      return {};
    },
    Get: async ({ key, waitMs }, _peer, signal) => {
      const value = await values.get(key, Math.min(waitMs, timeouts.waitMs), signal);
      return { found: value !== undefined, value: value ?? new Uint8Array(0) };
    },
    Add: ({ key, amount }) => ({ value: values.add(key, amount) }),
    Delete: ({ key }) => {
      values.delete(key);
      return {};
    },
  };
  const wrap =
    (handler: Handler<UnaryName>) =>
    async (call: Grpc.ServerUnaryCall<object, object>, callback: Grpc.sendUnaryData<object>): Promise<void> => {
      const cancel = new AbortController();
      call.on("cancelled", () => cancel.abort());
      try {
        callback(null, await handler(call.request as never, addressOf(call.getPeer()), cancel.signal));
      } catch (error) {
        callback(statusOf(error));
      }
    };
  const service: Record<string, Grpc.UntypedHandleCall> = Object.fromEntries(
    Object.entries(unary).map(([name, handler]) => [name, wrap(handler as Handler<UnaryName>) as Grpc.UntypedHandleCall]),
  );
  service.Session = (call: Grpc.ServerDuplexStream<AgentMessage, CoordinatorMessage>) => serveSession(grpc, job, call);
  return service;
}

/** No farewell. */
const gone = "its connection closed without a word, as when a process is killed or its host goes down";

function serveSession(grpc: GrpcModule, job: Job, call: Grpc.ServerDuplexStream<AgentMessage, CoordinatorMessage>): void {
  // Before anything else: a stream's error without a listener would end the process.
  let broken: (how: string) => void = () => {};
  let ended = false;
  call.on("error", (error) => broken(`its connection broke (${messageOf(error)})`));
  call.on("cancelled", () => broken(gone));
  call.on("end", () => {
    broken(gone);
    port.end();
  });
  const port: AgentPort = {
    send: (message) => {
      if (!ended && !call.cancelled && !call.destroyed) call.write(message);
    },
    end: (reason) => {
      if (ended) return;
      ended = true;
      if (reason) call.emit("error", { ...statusOf(reason), metadata: new grpc.Metadata() });
      else call.end();
    },
  };
  try {
    const session = job.open(String(call.metadata.get(metadataKeys.member)[0] ?? ""), port);
    broken = session.broken;
    call.on("data", (message: AgentMessage) => session.receive(message));
  } catch (error) {
    port.end(error instanceof ControlError ? error : new ControlError("ERR_CONTROL_INTERNAL", messageOf(error), { cause: error }));
  }
}
