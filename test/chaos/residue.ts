// What a launch has left behind: processes, ports, shared memory, temporary files. Its processes are known by a variable that all of them inherit.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Between the end of the last launcher and the moment from which on nothing may be left. */
const PATIENCE_MS = 2000;
const lookMs = 50;

/** undefined: the process has gone meanwhile, or is none of ours to look at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
const pids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
/** Without the file that residue.test.ts of another process leaves for a moment. */
const sharedFiles = (): string[] =>
  (attempt(() => readdirSync("/dev/shm")) ?? []).filter((file) => !/^(residue|accelerate-ts-double)-/.test(file) || file === `residue-${process.pid}`);

/** Inodes of TCP sockets that listen, with their ports, as the process sees the network. */
function listening(pid: number | "self"): Map<string, number> {
  const rows = (["tcp", "tcp6"] as const).flatMap((kind) => (attempt(() => readFileSync(`/proc/${pid}/net/${kind}`, "utf8")) ?? "").split("\n").slice(1));
  const sockets = new Map<string, number>();
  for (const row of rows) {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
    if (state === "0A" && local && inode) sockets.set(inode, Number.parseInt(local.split(":")[1]!, 16));
  }
  return sockets;
}

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
  /** Of a worker. */
  readonly rank: number | undefined;
  /** Of a worker: its agent. */
  readonly agent: number | undefined;
}

export class Residue {
  /** To be set for every launch. */
  readonly env: Readonly<Record<string, string>>;
  readonly #mark: string;
  readonly #sharedBefore = new Set(sharedFiles());
  readonly #sockets = new Map<string, number>();
  readonly #files = new Set<string>();

  constructor(mark: string) {
    this.env = { CHAOS_MARK: mark };
    this.#mark = `CHAOS_MARK=${mark}`;
  }

  /** All that live; zombies show no variables. */
  processes(): MarkedProcess[] {
    return pids().flatMap((pid) => {
      const variables = attempt(() => readFileSync(`/proc/${pid}/environ`, "utf8"))?.split("\0");
      if (!variables?.includes(this.#mark)) return [];
      const value = (name: string): number | undefined => {
        const found = variables.find((variable) => variable.startsWith(`${name}=`));
        return found === undefined ? undefined : Number(found.slice(name.length + 1));
      };
      const command =
        attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"))
          ?.replaceAll("\0", " ")
          .trim() ?? "";
      const agent = value("ACCELERATE_TS_AGENT_PID");
      return [{ pid, command, agent, rank: agent === undefined ? undefined : value("RANK") }];
    });
  }

  /** Notes what the processes hold now, so that it can be looked for when they have gone. */
  note(): void {
    for (const { pid } of this.processes()) {
      const links = (attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []).flatMap((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []);
      const inodes = listening(pid);
      for (const link of links) {
        const inode = link.match(/^socket:\[(\d+)\]$/)?.[1];
        const port = inode === undefined ? undefined : inodes.get(inode);
        if (port !== undefined) this.#sockets.set(inode!, port);
        if (link.startsWith("/dev/shm/")) this.#files.add(link);
      }
    }
  }

  /** Ports that were listened on. */
  get ports(): readonly number[] {
    return [...this.#sockets.values()];
  }

  #look(): string[] {
    const open = listening("self");
    const ports = [...this.#sockets].filter(([inode]) => open.has(inode));
    return [
      ...this.processes().map(({ pid, rank, command }) => `process ${pid}${rank === undefined ? "" : ` (rank ${rank})`} still runs: ${command}`),
      ...ports.map(([, port]) => `port ${port} is still listened on`),
      ...this.#forgotten().map((file) => `/dev/shm/${file} is left`),
    ];
  }

  /** New files of shared memory that no living process uses: those of other programs have their owner. */
  #forgotten(): string[] {
    const fresh = sharedFiles().filter((file) => !this.#sharedBefore.has(file));
    if (fresh.length === 0) return [];
    const used = new Set<string>();
    for (const pid of pids()) {
      for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []) used.add(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "");
      for (const [path] of (attempt(() => readFileSync(`/proc/${pid}/maps`, "utf8")) ?? "").matchAll(/\/dev\/shm\/\S+/g)) used.add(path);
    }
    return fresh.filter((file) => !used.has(`/dev/shm/${file}`) || this.#files.has(`/dev/shm/${file}`));
  }

  /** What is left after a short patience, or another one, in words. */
  async left(patienceMs = PATIENCE_MS): Promise<string[]> {
    const end = performance.now() + patienceMs;
    for (;;) {
      const found = this.#look();
      if (found.length === 0 || performance.now() > end) return found;
      await sleep(lookMs);
    }
  }

  /** Ends what is left, for the sake of the next run. */
  clear(): void {
    for (const { pid } of this.processes()) attempt(() => process.kill(pid, "SIGKILL"));
  }
}

/** Descriptors of this process. */
export const openDescriptors = (): string[] =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    const link = attempt(() => readlinkSync(`/proc/self/fd/${fd}`));
    return link === undefined ? [] : [`${fd} ${link}`];
  });
