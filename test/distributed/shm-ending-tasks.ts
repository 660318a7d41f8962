// The ranks' side of the tests of shared memory, where a rank ends: its process, its thread, its group.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { createShmGroup } from "../../src/distributed/shm/create-shm-group.js";
import type { RankContext } from "../support/ranks.js";
import { becomes, promised } from "../support/timing.js";
import { join, refused, type ShmArgs } from "./shm-tasks.js";

/** Rank 1 ends in the way of `how` while a collective of its own waits for rank 0. */
export async function endsWhileWaiting(context: RankContext, args: ShmArgs & { readonly how: "exit" | "close" }): Promise<string> {
  const group = await join(context, args);
  if (context.rank === 1) {
    const waiting = group.allReduce({ dtype: "float32", data: new Float32Array(100_000) }, "sum", { site: "train.ts:9:1" });
    const failed = assert.rejects(waiting, { code: "ERR_GROUP_CLOSED" });
    await context.store.set(`${args.name}/pid`, Buffer.from(String(process.pid)));
    await sleep(30);
    if (args.how === "exit") process.exit(0);
    const started = performance.now();
    await group.close();
    await failed;
    promised(performance.now() - started, 500);
    await context.store.set(`${args.name}/closed`, Uint8Array.of(1));
    return "";
  }
  const pid = Buffer.from(await context.store.get(`${args.name}/pid`)).toString();
  if (args.how === "close") await context.store.get(`${args.name}/closed`);
  else assert.ok(await becomes(() => !existsSync(`/proc/${pid}/task`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))));
  const started = performance.now();
  const error = await group.allReduce({ dtype: "float32", data: new Float32Array(100_000) }, "sum", { site: "train.ts:5:1" }).then(
    () => assert.fail("rank 1 is gone"),
    (thrown: Error & { code: string }) => thrown,
  );
  promised(performance.now() - started, 500);
  return `${error.code}: ${error.message}`;
}

/** Rank 1 lives in a worker thread that is terminated. */
export async function thread(context: RankContext, args: ShmArgs & { readonly module: string; readonly folder: string }): Promise<string> {
  if (context.rank === 1) {
    const source = `
      const { workerData } = require("node:worker_threads");
      import(workerData.module).then(({ inThread }) => inThread(workerData));`;
    const worker = new Worker(source, { eval: true, workerData: { ...args, size: context.size } });
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await sleep(50);
    await worker.terminate();
    await context.store.set(`${args.name}/terminated`, Uint8Array.of(1));
    return "";
  }
  const group = await join(context, args);
  await group.barrier();
  await context.store.get(`${args.name}/terminated`);
  return refused(group.allReduce({ dtype: "float32", data: new Float32Array(100_000) }, "sum", { site: "train.ts:5:1" }));
}

export async function inThread(data: ShmArgs & { readonly folder: string; readonly size: number }): Promise<void> {
  const { parentPort } = await import("node:worker_threads");
  const { FileStore } = await import("../support/file-store.js");
  const group = await createShmGroup({ rank: 1, size: data.size, store: new FileStore(data.folder), name: data.name });
  await group.barrier();
  parentPort!.postMessage("waiting");
  await group.allReduce({ dtype: "float32", data: new Float32Array(100_000) }, "sum");
}

/** Rank 1 holds as much memory as a training process does; the others wait for it. */
export async function heavy(context: RankContext, args: ShmArgs & { readonly bytes: number }): Promise<{ readonly message: string; readonly at: number }> {
  const group = await join(context, args);
  const held = context.rank === 1 ? Buffer.alloc(args.bytes, 1) : undefined;
  await group.barrier();
  context.tell("waiting");
  if (held) for (const end = performance.now() + 20_000; performance.now() < end && held[0] === 1; );
  return { message: await refused(group.barrier()), at: Date.now() };
}
