// Hosts and coordinators that die, are cut off or stand still, over real sockets and with real processes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promised } from "../support/timing.js";
import { Agent, Cable, jobId, TestJob } from "./support.js";

test("an agent that is killed is lost at once, and all hear which host and ranks it had", async () => {
  await using cable = new Cable();
  await using job = await TestJob.start([1, 2], {}, [undefined, cable]);
  const { agents, coordinator } = job;
  const begin = performance.now();
  await cable[Symbol.asyncDispose]();
  const { value, at } = await agents[0]!.hear("abort");
  assert.match(value.message, /^host host1 \(workers 1 and 2 of 3\) is lost: its connection closed without a word/);
  assert.deepEqual(value.ranks, [1, 2]);
  promised(at - begin, 1000);
  const { value: failure } = await agents[0]!.hear("firstFailure");
  assert.deepEqual([failure.kind, failure.symptom], ["host lost", false]);
  agents[0]!.client.reportExit({ rank: 0, signal: "SIGKILL", stopped: true });
  assert.equal((await coordinator.done).exitCode, 1);
  assert.match((await agents[1]!.hear("lost")).value.message, /the coordinator at .* is gone/);
});

test("a host that is cut off without a word is lost within 5 s on both sides; one that is silent for 3 s is not", { timeout: 120_000 }, async () => {
  await using slow = new Cable();
  await using cut = new Cable();
  await using job = await TestJob.start([1, 1, 1], {}, [undefined, slow, cut]);
  const { agents } = job;
  const begin = performance.now();
  slow.cut();
  cut.cut();
  await sleep(3000);
  slow.mend();
  const here = await agents[0]!.hear("abort");
  assert.match(here.value.message, /^host host2 \(worker 2 of 3\) is lost: nothing was heard of it for 4.0 s/);
  const there = await agents[2]!.hear("lost");
  assert.match(there.value.message, /nothing was heard of the coordinator at .* for 4.0 s: its host is down, or this one is cut off/);
  for (const { at } of [here, there]) {
    assert.ok(at - begin > 3000, `after ${at - begin} ms`);
    promised(at - begin, 5000);
  }
  assert.deepEqual(
    agents[1]!.heard.map(([event]) => event).filter((event) => event === "lost"),
    [],
  );
});

test("a coordinator whose own process stood still has lost nobody", { timeout: 120_000 }, async () => {
  await using job = await TestJob.start([1], { heartbeatMs: 100, lostAfterMs: 450 });
  const { agents } = job;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  await sleep(300);
  assert.deepEqual(agents[0]!.heard, []);
});

/** A coordinator of its own process; prints its address and token. */
const program = (hosts: number): string => `
import { Coordinator } from ${JSON.stringify(new URL("../../src/control/index.js", import.meta.url).href)};
const { address, token, done } = await Coordinator.start({ jobId: ${JSON.stringify(jobId)}, hosts: ${hosts} });
console.log(JSON.stringify({ address, token }));
await done;`;

test("agents hear of a killed coordinator at once, of a stopped one within 5 s", { timeout: 120_000 }, async () => {
  await Promise.all(
    (["SIGKILL", "SIGSTOP"] as const).map(async (signal) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program(1)], { stdio: ["ignore", "pipe", "inherit"] });
      try {
        const [line] = (await once(child.stdout, "data")) as [Buffer];
        const agent = await Agent.connect(JSON.parse(String(line)));
        await agent.join();
        const begin = performance.now();
        child.kill(signal);
        const { value, at } = await agent.hear("lost");
        assert.equal(value.code, "ERR_COORDINATOR_LOST");
        const ms = at - begin;
        promised(ms, signal === "SIGKILL" ? 1000 : 5000);
        if (signal === "SIGKILL") assert.doesNotMatch(value.message, /nothing was heard/);
        else assert.ok(/nothing was heard of .* for 4\.0 s/.test(value.message) && ms > 3000, `after ${ms} ms: ${value.message}`);
        await agent.client.close();
      } finally {
        child.kill("SIGKILL");
      }
    }),
  );
});
