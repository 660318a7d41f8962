// All-reduce between processes of one host, 1 KB to 100 MB: shm beside memcpy, and beside gloo where that is built. Times are medians of awaited calls, as a program sees them.
//   node dist/bench/all-reduce.js [--ranks 2] [--rounds 5] [--largest 100000000]
import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AccelerateError } from "accelerate-ts";
import { type CollectiveArray, createGlooGroup, createShmGroup, type ProcessGroup } from "../src/distributed/index.js";
import { FileStore } from "../test/support/file-store.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    ranks: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    largest: { type: "string", default: "100000000" },
    rank: { type: "string" },
    folder: { type: "string" },
  },
});
const size = Number(args.ranks);
const rounds = Number(args.rounds);
const sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000].filter((bytes) => bytes <= Number(args.largest));

/** Calls per round: about a third of a second. */
const repeats = (bytes: number): number => Math.max(3, Math.min(2000, Math.round(6e8 / (bytes + 3e5))));
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function timed(calls: number, call: () => Promise<void> | void): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const started = performance.now();
    await call();
    times.push(performance.now() - started);
  }
  return median(times);
}

/** The backends that this build has, each with a group. */
async function backends(store: FileStore, rank: number): Promise<Map<string, ProcessGroup>> {
  const groups = new Map<string, ProcessGroup>([["shm", await createShmGroup({ rank, size, store, name: "bench/shm" })]]);
  try {
    groups.set("gloo", await createGlooGroup({ rank, size, store, name: "bench/gloo", address: "127.0.0.1" }));
  } catch (error) {
    if (!(error instanceof AccelerateError && error.code === "ERR_GLOO_MISSING")) throw error;
    if (rank === 0) console.log(`without gloo: ${error.message}`);
  }
  return groups;
}

async function play(rank: number, folder: string): Promise<void> {
  const groups = await backends(new FileStore(folder), rank);
  const shm = groups.get("shm")!;
  const best = new Map<string, number>();
  for (const bytes of sizes) {
    const data: CollectiveArray = { dtype: "float32", data: new Float32Array(bytes / 4).fill(rank) };
    const copy = new Float32Array(bytes / 4);
    for (let round = 0; round < rounds; round++) {
      for (const [name, group] of groups) {
        // gloo's small calls take milliseconds
        const calls = name === "shm" ? repeats(bytes) : Math.min(30, repeats(bytes));
        await group.barrier();
        const ms = await timed(calls, () => group.allReduce(data, "mean"));
        best.set(`${name}/${bytes}`, Math.min(ms, best.get(`${name}/${bytes}`) ?? ms));
      }
      await shm.barrier();
      // One rank copies while the others wait: what the memory gives.
      if (rank === 0) {
        const ms = await timed(repeats(bytes), () => copy.set(data.data as Float32Array));
        best.set(`memcpy/${bytes}`, Math.min(ms, best.get(`memcpy/${bytes}`) ?? ms));
      }
      await shm.barrier();
    }
    if (rank === 0) report(bytes, best);
  }
  for (const group of groups.values()) await group.close();
}

function report(bytes: number, best: ReadonlyMap<string, number>): void {
  const of = (name: string) => best.get(`${name}/${bytes}`);
  const cell = (ms: number | undefined) =>
    ms === undefined ? "-".padStart(22) : `${(ms * 1000).toFixed(1).padStart(10)} us ${(bytes / ms / 1e6).toFixed(2).padStart(5)} GB/s`;
  const ratio = (ms: number | undefined) => (ms === undefined ? "-" : (ms / of("shm")!).toFixed(2)).padStart(8);
  console.log(`${String(bytes).padStart(10)} ${cell(of("shm"))} ${cell(of("gloo"))} ${cell(of("memcpy"))} ${ratio(of("gloo"))} ${ratio(of("memcpy"))}`);
}

if (args.rank !== undefined) await play(Number(args.rank), args.folder!);
else {
  const folder = await mkdtemp(join(tmpdir(), "all-reduce-"));
  try {
    console.log(JSON.stringify(machine()));
    console.log(`${size} ranks, best of ${rounds} medians; bandwidth = bytes / time`);
    console.log(`${"bytes".padStart(10)} ${"shm".padStart(23)} ${"gloo".padStart(23)} ${"memcpy".padStart(23)} gloo/shm  memcpy/shm`);
    const children = Array.from({ length: size }, (_, rank) =>
      fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), "--rank", String(rank), "--folder", folder], { stdio: "inherit" }),
    );
    const codes = await Promise.all(children.map((child) => new Promise<number | null>((resolve) => child.on("exit", resolve))));
    if (codes.some((code) => code !== 0)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
