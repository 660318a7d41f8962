// A launch over two hosts of this machine: two launchers that meet on loopback, or each in a network namespace of its own.
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { loadGloo } from "../../src/distributed/gloo/native-gloo.js";
import { type Launched, type Launching, type LaunchOptions, startLaunch } from "./launch.js";
import type { Hosts } from "./netns.js";

/** Why workers cannot be on several hosts here; false where they can. */
export function glooMissing(): string | false {
  try {
    loadGloo();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

export interface TwoHostsOptions extends LaunchOptions {
  /** Workers of each host. */
  readonly workers: readonly [number, number];
  /** A folder for the secret. */
  readonly folder: string;
  /** Default: both on loopback. */
  readonly hosts?: Hosts | undefined;
}

/** Both launchers, host 0 first. */
export async function startOnTwoHosts({ workers, folder, hosts, options = [], ...launch }: TwoHostsOptions): Promise<readonly [Launching, Launching]> {
  const token = join(folder, "token");
  writeFileSync(token, randomBytes(32).toString("hex"), { mode: 0o600 });
  const port = hosts ? 29_500 : await freePort();
  const meeting = ["--num-machines", "2", "--main-process-ip", hosts?.addresses[0] ?? "127.0.0.1", "--main-process-port", String(port), "--token-file", token];
  const start = (host: 0 | 1): Launching =>
    startLaunch({
      ...launch,
      options: [...meeting, "--machine-rank", String(host), "--num-local-processes", String(workers[host]), ...options],
      ...(hosts && { prefix: hosts.prefix(host) }),
    });
  return [start(0), start(1)];
}

/** Runs to the end. */
export async function launchOnTwoHosts(options: TwoHostsOptions): Promise<readonly [Launched, Launched]> {
  const [one, two] = await startOnTwoHosts(options);
  return Promise.all([one.done, two.done]);
}
