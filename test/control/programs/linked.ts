// A worker for tests: what it does is its first argument; it prints what it learns, one JSON value per line.
import { createRequire } from "node:module";
import { openWorkerLink, reportFailure, type WorkerLink } from "../../../src/control/index.js";
import type { WorkerSettings } from "../../../src/launched.js";

const { env, argv } = process;
const number = (name: string): number => Number(env[name]);
const own = env.ACCELERATE_TS_CONTROL_FD !== undefined;
const settings: WorkerSettings = {
  rank: number("RANK"),
  worldSize: number("WORLD_SIZE"),
  localRank: number("LOCAL_RANK"),
  localWorldSize: number("LOCAL_WORLD_SIZE"),
  source: own ? "accelerate-ts" : "torchrun",
  controlFd: own ? number("ACCELERATE_TS_CONTROL_FD") : undefined,
  masterAddress: env.MASTER_ADDR,
  masterPort: env.MASTER_PORT === undefined ? undefined : number("MASTER_PORT"),
  tokenFile: env.ACCELERATE_TS_TOKEN_FILE,
  node: env.GROUP_RANK === undefined ? undefined : number("GROUP_RANK"),
  watchdogMs: 60_000,
  timeoutMs: 20_000,
};
const say = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const { rank, worldSize } = settings;
process.on("uncaughtExceptionMonitor", (error) => reportFailure(settings, error));

/** All ranks are there. */
async function meet(link: WorkerLink, name: string): Promise<void> {
  if ((await link.store.add(`${name}/count`, 1)) === worldSize) await link.store.set(`${name}/all`, Buffer.from("1"));
  await link.store.get(`${name}/all`);
}
const never = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));

const modes: Readonly<Record<string, (link: WorkerLink) => Promise<void>>> = {
  meet: async (link) => {
    await meet(link, "here");
    const again = await openWorkerLink(settings);
    const loaded = Object.keys(createRequire(import.meta.url).cache);
    say({ same: again.assignment === link.assignment, grpc: loaded.some((path) => path.includes("@grpc")) });
    await again.close();
    say({ count: await link.store.add("count", 1) });
  },
  /** Rank 1 dies in the way of its second argument while the others wait for it. */
  die: async (link) => {
    link.on("abort", (fault) => say({ abort: fault, at: Date.now() }));
    // A control thread hears less often where the worker is, and speaks for it.
    for (const step of own ? [80, 81] : [81]) link.send({ kind: "progress", step, epoch: 2 });
    const dying = rank === Number(argv[4] ?? 1);
    try {
      await meet(link, "here");
      if (!dying) await link.store.get("never");
    } catch (error) {
      const { code, message, ranks } = error as Error & { code: string; ranks: number[] };
      say({ code, message, ranks });
      return;
    }
    say({ dies: Date.now() });
    if (argv[3] === "throw") throw new TypeError("boom");
    if (argv[3] === "exit") process.exit(3);
    process.kill(process.pid, argv[3] as NodeJS.Signals);
    await never();
  },
  /** News that comes before somebody listens. */
  late: async (link) => {
    say("ready");
    await link.store.get("go");
    for (let i = 0; i < 2; i++) {
      const other = i === 0 ? link : await openWorkerLink(settings);
      await new Promise<void>((resolve) => {
        const off = other.on("stop", (reason) => {
          say({ stop: reason });
          off();
          resolve();
        });
      });
    }
  },
  /** Much to tell, then dies of an error: every frame must be whole, the last words included. */
  flood: async (link) => {
    const big = new Uint8Array(1 << 20).fill(7);
    const sets = Array.from({ length: 8 }, (_, i) => link.store.set(`big/${i}`, big));
    for (let i = 0; i < 2000; i++) link.send({ kind: "stopping", step: i });
    for (const set of sets) set.catch(() => {});
    throw new RangeError("after the flood");
  },
  events: async (link) => {
    link.send({ kind: "progress", step: 3 });
    link.send({ kind: "stalled", waitedMs: 60_000.4, collective: "all-reduce 12", waiting: [0], missing: [1] });
    link.send({ kind: "fault", fault: { code: "ERR_COLLECTIVE_MISMATCH", message: "paths differ", ranks: [0, 1] } });
    link.send({ kind: "stopping", step: 4 });
  },
  orphan: async (link) => {
    link.on("abort", (fault) => say({ abort: fault }));
    say("ready");
    await link.store.get("never").catch((error: Error & { code: string }) => say({ code: error.code }));
  },
  slow: async (link) => {
    await meet(link, "here");
    // A busy thread for longer than the others wait for a dead one.
    if (rank === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000);
    await meet(link, "there");
    say("done");
  },
  /** Rank 0 has nothing more to do, the others still use the store. */
  early: async (link) => {
    await meet(link, "here");
    if (rank === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 700));
    await link.store.set(`after/${rank}`, Buffer.from("1"));
    say("done");
  },
};

try {
  const link = await openWorkerLink(settings);
  say({ assignment: link.assignment });
  await modes[argv[2]!]!(link);
} catch (error) {
  if (argv[2] === "die" || argv[2] === "flood") throw error;
  const { code, message } = error as Error & { code: string };
  say({ code, message });
  process.exitCode = 9;
}
