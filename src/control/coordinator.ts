// The coordinator as a gRPC server: binds, checks token and job on every call, serves the store and the sessions of a job.
import type * as Grpc from "@grpc/grpc-js";
import type { CollectiveFault } from "../distributed/errors.js";
import { ControlError, messageOf } from "./errors.js";
import type { Verdict } from "./failures.js";
import { type GrpcModule, loadGrpc, metadataKeys, serverOptions, serviceDefinition, status } from "./grpc.js";
import { Job, type JobOptions } from "./job.js";
import { KeyValues } from "./key-values.js";
import type { StoreLimits } from "./limits.js";
import { serviceOf } from "./service.js";
import { serverTls, type TlsFiles } from "./tls.js";
import { checkToken, createToken, isLoopback, sameSecret } from "./token.js";

export interface CoordinatorOptions extends Omit<JobOptions, "loopback"> {
  /** Names the job: agents of another one are turned away. */
  readonly jobId: string;
  /** Address to listen on; default 127.0.0.1. Any other than loopback needs a token. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What every call must bring; on loopback one is made when it is missing. */
  readonly token?: string | undefined;
  /** cert and key: TLS; ca as well: agents must show certificates too. */
  readonly tls?: TlsFiles | undefined;
  readonly store?: Partial<StoreLimits>;
  /** Told once where the bind is open to others without TLS. */
  readonly warn?: (message: string) => void;
}

const once = (run: () => void): (() => void) => {
  let ran = false;
  return () => {
    if (ran) return;
    ran = true;
    run();
  };
};

/** Refuses calls before their message is read. */
function guard(grpc: GrpcModule, token: string, jobId: string): Grpc.ServerInterceptor {
  return (_method, call) => {
    const first = (metadata: Grpc.Metadata, key: string): string => String(metadata.get(key)[0] ?? "");
    const start = (next: (listener: Grpc.ServerListener) => void): void =>
      next({
        onReceiveMetadata: (metadata, accept) => {
          const secret = first(metadata, metadataKeys.token);
          const known = sameSecret(secret, `Bearer ${token}`);
          const details = !secret
            ? "no token: this coordinator takes calls of its own job only"
            : !known
              ? "the token is wrong: this is the coordinator of another job, or the token files differ"
              : !sameSecret(first(metadata, metadataKeys.job), jobId)
                ? "this is the coordinator of another job"
                : undefined;
          if (details === undefined) accept(metadata);
          else call.sendStatus({ code: status.unauthenticated, details });
        },
      } as Grpc.ServerListener);
    return new grpc.ServerInterceptingCall(call, { start } as Grpc.Responder);
  };
}

/** The server of a job. */
export class Coordinator implements AsyncDisposable {
  readonly jobId: string;
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly #job: Job;
  readonly #values: KeyValues;
  readonly #server: Grpc.Server;
  #closing: Promise<void> | undefined;

  private constructor(options: CoordinatorOptions, host: string, token: string, port: number, job: Job, values: KeyValues, server: Grpc.Server) {
    this.jobId = options.jobId;
    this.host = host;
    this.port = port;
    this.token = token;
    this.#job = job;
    this.#values = values;
    this.#server = server;
  }

  /**
   * @throws ControlError ERR_CONTROL_SECURITY where the bind would be open to others without a token, or certificates do not load; ERR_COORDINATOR_UNREACHABLE where the
   * address cannot be bound.
   */
  static async start(options: CoordinatorOptions): Promise<Coordinator> {
    const { host = "127.0.0.1", port = 0, jobId, tls } = options;
    const loopback = isLoopback(host);
    if (!loopback && options.token === undefined)
      throw new ControlError(
        "ERR_CONTROL_SECURITY",
        `the coordinator would listen on ${host} without a token: whoever reaches that address could join the job`,
        {
          hint: "make one with (umask 077; openssl rand -hex 32 > token), copy it to all hosts and give --token-file token everywhere",
        },
      );
    const token = checkToken(options.token ?? createToken(), "the coordinator's setting");
    const grpc = await loadGrpc();
    const credentials = serverTls(grpc, tls);
    if (!loopback && !tls?.cert)
      (options.warn ?? ((text) => process.stderr.write(`${text}\n`)))(
        `the coordinator on ${host} speaks without TLS: the token and the store can be read on the network (accelerate-ts launch takes certificates: --tls-cert, --tls-key, --tls-ca)`,
      );
    const job = new Job({ ...options, loopback });
    const values = new KeyValues(options.store);
    const server = new grpc.Server({ ...serverOptions, interceptors: [guard(grpc, token, jobId)] });
    server.addService(serviceDefinition, serviceOf(grpc, job, values));
    try {
      const bound = await bind(server, host, port, credentials);
      return new Coordinator(options, host, token, bound, job, values, server);
    } catch (error) {
      job.close();
      server.forceShutdown();
      throw error;
    }
  }

  /** Where agents of this machine find it. */
  get address(): string {
    const host = this.host === "0.0.0.0" ? "127.0.0.1" : this.host === "::" ? "::1" : this.host;
    return host.includes(":") ? `[${host}]:${this.port}` : `${host}:${this.port}`;
  }
  /** How the job ended. */
  get done(): Promise<Verdict> {
    return this.#job.done;
  }
  stop(reason: string): void {
    this.#job.stop(reason);
  }
  abort(fault: CollectiveFault): void {
    this.#job.abort(fault);
  }

  /** Gives the verdict if there is none, and ends. quietly: workers that still run may go on without it. */
  close(options: { readonly quietly?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.quietly ?? false);
    return this.#closing;
  }

  async #close(quietly: boolean): Promise<void> {
    this.#job.close(quietly);
    this.#values.close();
    await new Promise<void>((resolve) => {
      const done = once(resolve);
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        done();
      }, 500);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        done();
      });
    });
    this.#server.forceShutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function bind(server: Grpc.Server, host: string, port: number, credentials: Grpc.ServerCredentials): Promise<number> {
  const target = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(
        new ControlError("ERR_COORDINATOR_UNREACHABLE", `the coordinator cannot listen on ${target} (${messageOf(cause)})`, {
          cause,
          hint: "is the address one of this host, and the port free? Port 0 takes any free one",
        }),
      );
    try {
      server.bindAsync(target, credentials, (error, bound) => (error ? fail(error) : resolve(bound)));
    } catch (error) {
      fail(error);
    }
  });
}
