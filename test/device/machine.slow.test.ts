// What goes wrong on a machine of doubled GPUs: errors and hangs on one of them end all workers in time, the rank is named, nothing stays.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { violations } from "../doubles/machine.js";
import { launch, trainsTogether } from "./machine-runs.js";

suite("A machine of doubled GPUs", { skip: skipWithoutCuda }, () => {
  test("four workers train a BERT together in fp16", (t) => trainsTogether(t, "fp16"));

  const failures: { readonly [what: string]: { readonly script: string; readonly says: RegExp } } = {
    "an error that NCCL tells later": {
      script: "fail launch:ncclReduceScatter nth=3 rank=2 error=6 async",
      says: /rank 2: reduce-scatter .*remote process exited/,
    },
    "a GPU that is full": {
      script: "fail cudaMalloc from=addon nth=4 rank=1 error=2",
      says: /worker 1 of 4 failed first[\s\S]*cuda:1 has no memory[\s\S]*smaller model or batch/,
    },
    "a kernel's illegal access": {
      script: "fail launch:LayerNorm nth=9 rank=3 error=700 async sticky",
      // Errors of kernels are heard by the next call that asks: of ONNX Runtime, of NCCL, of ours.
      says: /worker 3 of 4 failed first[\s\S]*(illegal memory access|cudaErrorIllegalAddress)/,
    },
    "a communicator that cannot be made": { script: "fail ncclCommInitRankConfig rank=1 error=2", says: /rank 1 could not join NCCL's communicator/ },
  };
  for (const [what, { script, says }] of Object.entries(failures))
    test(`${what} ends all workers, and the rank is named`, async () => {
      const ran = await launch(4, { script: [script] });
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, says);
      assert.deepEqual(violations(ran), []);
    });

  const hangs: { readonly [what: string]: { readonly script: string; readonly says: RegExp; readonly ends: RegExp } } = {
    "a GPU that hangs before a collective": {
      script: "hang launch:LayerNorm nth=9 rank=1",
      says: /worker 0 waits in reduce-scatter \d+ \(.*float32 \[\d+\]\) on its GPU; worker 1 has not come: its GPU is still at work that was queued before/,
      ends: /the GPU of rank 1 has not come to it/,
    },
    "a reduce-scatter that no GPU ends": {
      script: "hang launch:ncclReduceScatter nth=3 rank=1",
      says: /workers 0 and 1 wait in reduce-scatter .*their GPUs have come to it and do not end it/,
      ends: /reduce-scatter .* was given up/,
    },
    "an all-gather that no GPU ends": {
      script: "hang launch:ncclAllGather nth=2 rank=0",
      says: /workers 0 and 1 wait in all-gather .*do not end it/,
      ends: /all-gather .* was given up/,
    },
    "a call that NCCL does not give back": {
      script: "hang ncclReduceScatter nth=3 rank=1",
      says: /worker 0 waits in reduce-scatter .*; worker 1 has not come: NCCL has not taken its call/,
      ends: /NCCL has not ended number 5.*rank 1 has not come/,
    },
    "ranks that never connect": { script: "hang launch:ncclCommInit rank=1", says: /^/, ends: /could not join NCCL's communicator/ },
  };
  for (const [what, { script, says, ends }] of Object.entries(hangs))
    test(`${what}: the watchdog says who waits for whom, and all end at the deadline`, async () => {
      const shared = new Set(readdirSync("/dev/shm"));
      const ran = await launch(2, { script: [script], options: ["--watchdog", "1", "--timeout", "4"] });
      assert.equal(ran.code, 1, ran.stderr);
      assert.match(ran.stderr, says);
      assert.match(ran.stderr, ends);
      assert.deepEqual(violations(ran), []);
      for (const pid of ran.logs.keys()) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" }, `process ${pid} is left`);
      assert.deepEqual(
        readdirSync("/dev/shm").filter((name) => name.startsWith("accelerate-ts") && !shared.has(name)),
        [],
      );
    });
});
