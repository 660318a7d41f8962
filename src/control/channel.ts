// One agent's channel to the coordinator: which address answers, unary calls with deadlines, the session's stream.
import { connect as connectTcp } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type * as Grpc from "@grpc/grpc-js";
import { ControlError, messageOf } from "./errors.js";
import { controlErrorOf, definitionOf, type GrpcModule, loadGrpc, metadataKeys, type ReplyOf, type RequestOf, type UnaryName } from "./grpc.js";
import { timeouts } from "./limits.js";
import type { AgentMessage, CoordinatorMessage } from "./messages.js";
import { clientTls, type TlsFiles } from "./tls.js";

export interface ChannelOptions {
  /** "host:port", tried in turn. */
  readonly addresses: readonly string[];
  readonly jobId: string;
  readonly token: string;
  /** ca: who may have signed the coordinator's certificate; cert and key: this agent's own. An empty object: the system's authorities. */
  readonly tls?: TlsFiles | undefined;
  /** Until one of the addresses must answer; default 10 minutes. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told while nobody answers: after sayAfterMs, then every 30 s. */
  readonly onWaiting?: ((text: string) => void) | undefined;
  /** Patience before the first line about who is awaited; default 10 s. */
  readonly sayAfterMs?: number | undefined;
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

function endpointOf(address: string): Endpoint {
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:]+)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.port);
  if (!match || port < 1 || port > 65535)
    throw new ControlError("ERR_COORDINATOR_UNREACHABLE", `"${address}" is no address of a coordinator`, { hint: "host:port, or [IPv6]:port" });
  return { host: (match.groups?.v6 ?? match.groups?.name)!, port };
}

/** Whether somebody listens there; rejects with the system's reason. */
function probe({ host, port }: Endpoint, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${(timeoutMs / 1000).toFixed(1)} s`)), timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** Between two lines about who is awaited. */
export const sayAgainMs = 30_000;

/** The first address that answers. @throws ControlError ERR_COORDINATOR_UNREACHABLE that names every address with what happened there. */
async function findCoordinator({ addresses, timeoutMs = timeouts.joinMs, sayAfterMs = timeouts.sayMs, signal, onWaiting }: ChannelOptions): Promise<Endpoint> {
  const endpoints = addresses.map(endpointOf);
  if (endpoints.length === 0) throw new ControlError("ERR_COORDINATOR_UNREACHABLE", "no address of a coordinator is known");
  const begin = performance.now();
  let sayAt = sayAfterMs;
  for (;;) {
    const reasons: string[] = [];
    for (const [i, endpoint] of endpoints.entries()) {
      signal?.throwIfAborted();
      const left = timeoutMs - (performance.now() - begin);
      try {
        await probe(endpoint, Math.max(100, Math.min(timeouts.connectMs, left)));
        return endpoint;
      } catch (error) {
        reasons.push(`${addresses[i]}: ${messageOf(error)}`);
      }
    }
    const waited = performance.now() - begin;
    const text = reasons.join("; ");
    if (waited >= timeoutMs)
      throw new ControlError("ERR_COORDINATOR_UNREACHABLE", `no coordinator answered within ${Math.round(waited / 1000)} s (${text})`, {
        hint: "is the launcher on host 0 running, the address one that this host can reach, and the port open in the firewall?",
      });
    if (waited >= sayAt) {
      onWaiting?.(`waiting for the coordinator for ${Math.round(waited / 1000)} s (${text})`);
      sayAt += sayAgainMs;
    }
    await sleep(Math.min(waited < 2_000 ? 50 : 250, Math.max(1, timeoutMs - waited)), undefined, signal ? { signal } : {});
  }
}

/** Calls to one coordinator, each with token, job and deadline. */
export class Channel {
  readonly address: string;
  readonly #grpc: GrpcModule;
  readonly #client: Grpc.Client;
  readonly #jobId: string;
  readonly #token: string;
  readonly #tls: boolean;
  /** A call has succeeded: it is a coordinator, and its certificate fits. */
  #spoken = false;
  #closed = false;

  private constructor(options: ChannelOptions, { host, port }: Endpoint, grpc: GrpcModule) {
    this.#grpc = grpc;
    this.#jobId = options.jobId;
    this.#token = options.token;
    this.#tls = options.tls !== undefined;
    this.address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const scheme = host.includes(":") ? "ipv6:" : /^[\d.]+$/.test(host) ? "ipv4:" : "dns:///";
    this.#client = new grpc.Client(scheme + this.address, ...clientTls(grpc, options.tls, host));
  }

  static async open(options: ChannelOptions): Promise<Channel> {
    const [endpoint, grpc] = await Promise.all([findCoordinator(options), loadGrpc()]);
    return new Channel(options, endpoint, grpc);
  }

  #metadata(member?: string): Grpc.Metadata {
    const metadata = new this.#grpc.Metadata();
    metadata.set(metadataKeys.token, `Bearer ${this.#token}`);
    metadata.set(metadataKeys.job, this.#jobId);
    if (member !== undefined) metadata.set(metadataKeys.member, member);
    return metadata;
  }

  call<M extends UnaryName>(
    name: M,
    request: RequestOf<M>,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<ReplyOf<M>> {
    const { timeoutMs = timeouts.callMs, signal } = options;
    const { path, requestSerialize, responseDeserialize } = definitionOf(name);
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new ControlError("ERR_CONTROL_CLOSED", `the connection to the coordinator at ${this.address} was closed by this end`);
      const stop = (): void => call.cancel();
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata(),
        { deadline: Date.now() + timeoutMs },
        (error, reply) => {
          signal?.removeEventListener("abort", stop);
          if (error) reject(signal?.aborted ? signal.reason : this.#error(error));
          else {
            this.#spoken = true;
            resolve(reply as ReplyOf<M>);
          }
        },
      );
      signal?.addEventListener("abort", stop);
      if (signal?.aborted) stop();
    });
  }

  #error(error: Grpc.ServiceError): ControlError {
    const found = controlErrorOf(error, `the coordinator at ${this.address}`);
    // What a plain client hears from a TLS port, a TLS client from a plain one, and either from a program of another kind.
    if (found.code !== "ERR_COORDINATOR_LOST") return found;
    return new ControlError(found.code, found.message, {
      cause: error,
      hint: this.#spoken
        ? "it has ended"
        : `what listens there is no coordinator, or only one of the two ends uses TLS (this one ${this.#tls ? "does" : "does not"})`,
    });
  }

  session(
    member: string,
    listeners: { readonly message: (message: CoordinatorMessage) => void; readonly end: (error: ControlError | undefined) => void },
  ): {
    send(message: AgentMessage): void;
    end(): void;
    cancel(): void;
  } {
    const { path, requestSerialize, responseDeserialize } = definitionOf("Session");
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata(member));
    let over = false;
    const end = (error?: Grpc.ServiceError): void => {
      if (over) return;
      over = true;
      listeners.end(error && controlErrorOf(error, `the coordinator at ${this.address} is gone`));
    };
    // Before anything else: an unheard error would end the process.
    stream.on("error", end);
    stream.on("data", (message: CoordinatorMessage) => listeners.message(message));
    stream.on("end", () => end());
    return {
      send: (message) => {
        if (!over && stream.writable) stream.write(message);
      },
      end: () => stream.end(),
      cancel: () => stream.cancel(),
    };
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }
}
