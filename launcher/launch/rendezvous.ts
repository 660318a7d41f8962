// How the agents of a job find each other: the coordinator on host 0, and a client to it on every host.
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { type ControlError, Coordinator, CoordinatorClient, readTokenFile, type TlsFiles } from "../../src/control/index.js";
import { UsageError } from "../usage.js";
import type { LaunchPlan } from "./plan.js";

export interface Rendezvous {
  readonly coordinator: Coordinator | undefined;
  readonly client: CoordinatorClient;
}

/** A port that is free now; whoever binds it must be ready to find it taken. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no free port"))));
    });
  });
}

async function readPem(path: string | undefined, flag: string): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UsageError(`${flag} ${path}: cannot be read (${(cause as Error).message})`, { cause });
  }
}

async function tlsFiles({ tls }: LaunchPlan): Promise<TlsFiles | undefined> {
  if (tls === undefined) return undefined;
  const [cert, key, ca] = await Promise.all([readPem(tls.certificate, "--tls-cert"), readPem(tls.key, "--tls-key"), readPem(tls.authority, "--tls-ca")]);
  return { cert, key, ca };
}

/** The same on every host of a job, without telling its secret. */
const jobIdOf = (token: string): string => createHash("sha256").update(`job of ${token}`).digest("hex").slice(0, 32);

async function startCoordinator(
  plan: LaunchPlan,
  jobId: string,
  token: string | undefined,
  tls: TlsFiles | undefined,
  port: number,
  warn: (text: string) => void,
): Promise<Coordinator> {
  const options = { jobId, hosts: plan.hosts, processes: plan.processes, host: plan.address, token, tls, warn };
  try {
    return await Coordinator.start({ ...options, port });
  } catch (error) {
    // Only the port that the user has named must be that one.
    if (plan.port !== 0 || (error as ControlError).code !== "ERR_COORDINATOR_UNREACHABLE") throw error;
    return Coordinator.start({ ...options, port: 0 });
  }
}

/** Starts the coordinator where this is host 0, and connects to it. port: the wish for one host. */
export async function meet(plan: LaunchPlan, port: number, signal: AbortSignal, say: (text: string) => void): Promise<Rendezvous> {
  const token = plan.tokenFile === undefined ? undefined : await readTokenFile(plan.tokenFile);
  const tls = await tlsFiles(plan);
  const jobId = token === undefined ? randomBytes(16).toString("hex") : jobIdOf(token);
  const coordinator = plan.host === 0 ? await startCoordinator(plan, jobId, token, tls, port, say) : undefined;
  try {
    const remote = plan.address.includes(":") ? `[${plan.address}]:${plan.port}` : `${plan.address}:${plan.port}`;
    const client = await CoordinatorClient.connect({
      addresses: [coordinator?.address ?? remote],
      jobId,
      token: coordinator?.token ?? token ?? "",
      // The launcher that serves the coordinator knows its own certificate.
      tls: coordinator && tls ? { ...tls, ca: tls.ca ?? tls.cert } : tls,
      signal,
      onWaiting: say,
    });
    return { coordinator, client };
  } catch (error) {
    await coordinator?.close();
    throw error;
  }
}
