// Agents and a coordinator over real sockets: joining, the store, stops, failures and their cause, questions.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CoordinatorClient, errorReport } from "../../src/control/index.js";
import { CollectiveError } from "../../src/distributed/errors.js";
import { PATIENCE_MS, promised } from "../support/timing.js";
import { Agent, jobId, startCoordinator, TestJob } from "./support.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const lost = (rank: number) => errorReport(new CollectiveError({ code: "ERR_PEER_LOST", message: `worker ${rank} is gone`, ranks: [rank] }));

test("uneven hosts get their ranks, and every worker its place", async () => {
  await using job = await TestJob.start([2, 1], { processes: 3 });
  const { agents } = job;
  assert.deepEqual(
    agents.flatMap(({ plan }) => plan.assignments),
    [
      { rank: 0, worldSize: 3, localRank: 0, localWorldSize: 2, host: 0, hosts: 2, hostOfRank: [0, 0, 1], address: "127.0.0.1" },
      { rank: 1, worldSize: 3, localRank: 1, localWorldSize: 2, host: 0, hosts: 2, hostOfRank: [0, 0, 1], address: "127.0.0.1" },
      { rank: 2, worldSize: 3, localRank: 0, localWorldSize: 1, host: 1, hosts: 2, hostOfRank: [0, 0, 1], address: "127.0.0.1" },
    ],
  );
});

test("a job that ends well ends with exit code 0 everywhere, and leaving after it is no loss", async () => {
  await using job = await TestJob.start([1, 1]);
  const { agents } = job;
  for (const { client, plan } of agents) client.reportExit({ rank: plan.assignments[0]!.rank, exitCode: 0 });
  for (const agent of agents) {
    assert.deepEqual((await agent.hear("verdict")).value, { exitCode: 0, first: undefined, others: [], stopped: undefined });
    await agent.client.leave();
  }
  await job.coordinator.close();
  assert.deepEqual(
    agents.flatMap((a) => a.heard.map(([event]) => event)),
    ["verdict", "verdict"],
  );
  assert.equal((await job.coordinator.done).exitCode, 0);
});

test("the store waits, counts, deletes and names the key that nobody set", async () => {
  await using job = await TestJob.start([1, 1]);
  const [a, b] = [job.agent(0).client.store, job.agent(1).client.store];
  const waiting = a.get("group/0/address/1");
  await b.set("group/0/address/1", bytes("here"));
  assert.equal(Buffer.from(await waiting).toString(), "here");
  assert.equal(await a.add("n", 2), 2);
  assert.equal(await b.add("n", 40), 42);
  await a.delete("group/0/address/1");
  await assert.rejects(b.get("group/0/address/1", { timeoutMs: 50 }), { code: "ERR_STORE_TIMEOUT", message: 'nobody set "group/0/address/1" within 50 ms' });
  const cancel = new AbortController();
  const cancelled = b.get("never", { signal: cancel.signal });
  cancel.abort(new Error("changed my mind"));
  await assert.rejects(cancelled, /changed my mind/);
  await assert.rejects(a.set("big", new Uint8Array((1 << 20) + 1)), { code: "ERR_CONTROL_LIMIT" });
  await assert.rejects(a.set("", bytes("")), { code: "ERR_CONTROL_MALFORMED" });
});

test("an agent that is refused hears why, and the others hear of it while they wait", async () => {
  await using coordinator = await startCoordinator({ hosts: 2, processes: 2 });
  await using first = await Agent.connect(coordinator, { sayAfterMs: 1 });
  await using second = await Agent.connect(coordinator);
  const joining = first.join({ hostName: "a", hostRank: 0, timeoutMs: 3000 });
  await first.hear("waiting");
  await assert.rejects(second.join({ hostName: "b", hostRank: 0 }), { code: "ERR_LAUNCH_MISMATCH", message: /b and a both want to be host 0/ });
  await assert.rejects(joining, {
    code: "ERR_CONTROL_TIMEOUT",
    message: /not all hosts joined within 3 s: 1 of 2 joined \(a\); awaited: host 1; b and a both want to be host 0/,
  });
});

test("an agent that leaves before the start frees its place for another", async () => {
  await using coordinator = await startCoordinator({ hosts: 2 });
  await using gone = await Agent.connect(coordinator);
  const joining = gone.join({ hostName: "b", hostRank: 1 });
  joining.catch(() => {});
  await sleep(100);
  await gone.client.close();
  await assert.rejects(Promise.race([joining, sleep(50).then(() => Promise.reject(new Error("closed")))]));
  const agents = await TestJob.joined(coordinator, [1, 1]);
  assert.equal(agents[1]!.plan.host, 1);
});

test("a worker's error ends the job everywhere, and the symptoms of others are told apart from it", async () => {
  await using job = await TestJob.start([2, 1]);
  const [a, b] = [job.agent(0), job.agent(1)];
  const begin = performance.now();
  // The symptoms come first.
  a.client.reportFailure(0, lost(2));
  a.client.reportFailure(1, lost(2));
  await sleep(20);
  b.client.reportFailure(2, { ...errorReport(new TypeError("boom")), step: 81 }, performance.now() - 30);
  const { value: fault } = await a.hear("abort");
  assert.deepEqual([fault.code, fault.ranks], ["ERR_PEER_LOST", [2]]);
  const { value: failure, at } = await a.hear("firstFailure");
  assert.deepEqual([failure.kind, failure.ranks, failure.host, failure.error?.message, failure.step], ["error", [2], "host1", "boom", 81]);
  promised(at - begin, 500);
  for (const rank of [0, 1]) a.client.reportExit({ rank, signal: "SIGTERM", stopped: true });
  b.client.reportExit({ rank: 2, exitCode: 3 });
  const { value: verdict } = await b.hear("verdict");
  assert.equal(verdict.exitCode, 3);
  assert.deepEqual(
    verdict.others.map((f) => [f.ranks, f.symptom]),
    [
      [[0], true],
      [[1], true],
    ],
  );
});

test("a clean stop that one host asks for reaches all, and is no failure", async () => {
  await using job = await TestJob.start([1, 1]);
  const { agents } = job;
  agents[1]!.client.requestStop("SIGTERM on host1");
  for (const agent of agents) assert.equal((await agent.hear("stop")).value, "SIGTERM on host1");
  for (const [rank, { client }] of agents.entries()) client.reportExit({ rank, exitCode: 75 });
  assert.deepEqual((await agents[0]!.hear("verdict")).value, { exitCode: 75, first: undefined, others: [], stopped: "SIGTERM on host1" });
});

test("a coordinator that starts later is waited for, through addresses of which others do not answer", async () => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  const token = "0123456789abcdef0123456789abcdef";
  const connecting = CoordinatorClient.connect({ addresses: ["127.0.0.1:1", `127.0.0.1:${port}`], jobId, token, timeoutMs: 10_000 });
  await sleep(300);
  await using coordinator = await startCoordinator({ hosts: 1, port, token });
  const client = await connecting;
  assert.equal(client.address, coordinator.address);
  assert.equal(client.address, `127.0.0.1:${port}`);
  assert.equal((await client.join({ localWorkers: 1 })).worldSize, 1);
  await client.close();
});

test("while somebody is awaited, it is said who: the coordinator, then the hosts", async () => {
  const said: string[] = [];
  const options = { jobId, token: "x".repeat(32), sayAfterMs: 50, onWaiting: (text: string) => said.push(text) };
  await assert.rejects(CoordinatorClient.connect({ ...options, addresses: ["127.0.0.1:1"], timeoutMs: 1000 }));
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^waiting for the coordinator for \d s \(127\.0\.0\.1:1: connect ECONNREFUSED/);
  await using coordinator = await startCoordinator({ hosts: 3 });
  await using agent = await Agent.connect(coordinator, { sayAfterMs: 50 });
  await assert.rejects(agent.join({ hostName: "a", hostRank: 1, timeoutMs: 1500 }), { code: "ERR_CONTROL_TIMEOUT" });
  const [waiting, ...others] = agent.heard;
  assert.equal(waiting?.[0], "waiting");
  assert.match(String(waiting[1]), /^waiting for hosts for \d s: 1 of 3 joined \(a\); awaited: host 0 and 2$/);
  assert.deepEqual(others, []);
});

test("hundreds of waits and megabytes of values at a time are all served", async () => {
  await using job = await TestJob.start([1, 1]);
  const [a, b] = [job.agent(0).client.store, job.agent(1).client.store];
  const waits = Array.from({ length: 500 }, (_, i) => a.get(`small/${i}`));
  const large = Array.from({ length: 16 }, (_, i) => a.get(`large/${i}`));
  const value = new Uint8Array(1 << 20).fill(3);
  await Promise.all([...waits.map((_, i) => b.set(`small/${i}`, bytes(String(i)))), ...large.map((_, i) => b.set(`large/${i}`, value))]);
  assert.deepEqual(
    (await Promise.all(waits)).map((v) => Buffer.from(v).toString()),
    waits.map((_, i) => String(i)),
  );
  for (const got of await Promise.all(large)) assert.ok(Buffer.from(got).equals(value));
});

test("where nobody answers, every address is named with what happened there", async () => {
  await assert.rejects(
    CoordinatorClient.connect({ addresses: ["127.0.0.1:1", "no-such-host.invalid:29500", "[::1]:1"], jobId, token: "x".repeat(32), timeoutMs: 300 }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "ERR_COORDINATOR_UNREACHABLE");
      for (const part of ["127.0.0.1:1: connect ECONNREFUSED", "no-such-host.invalid:29500: ", "[::1]:1: "])
        assert.ok(error.message.includes(part), error.message);
      return true;
    },
  );
  await assert.rejects(CoordinatorClient.connect({ addresses: ["host-without-port"], jobId, token: "" }), /"host-without-port" is no address/);
});

test("a port that is taken is said, with what to do", async () => {
  await using coordinator = await startCoordinator({ hosts: 1 });
  await assert.rejects(startCoordinator({ hosts: 1, port: coordinator.port }), {
    code: "ERR_COORDINATOR_UNREACHABLE",
    message: new RegExp(`cannot listen on 127.0.0.1:${coordinator.port} .*Port 0 takes any free one`),
  });
});

test("where a rank of another host is, its agent says; silence, unknown ranks and ended ones are answers too", async () => {
  await using job = await TestJob.start([1, 1]);
  const [a, b] = [job.agent(0), job.agent(1)];
  b.client.answerWith(async (rank) => ({ state: "user code", text: `rank ${rank} at readImage (data.ts:88:5)`, step: 7 }));
  assert.deepEqual(await a.client.where(1), { rank: 1, state: "user code", text: "rank 1 at readImage (data.ts:88:5)", step: 7 });
  assert.match((await a.client.where(9)).text, /there is no rank 9/);
  b.client.answerWith(() => {
    throw new Error("no /proc here");
  });
  assert.deepEqual(await a.client.where(1), { rank: 1, state: "unknown", text: "no /proc here", step: undefined });
  b.client.reportExit({ rank: 1, exitCode: 0 });
  // Its news and our question come on different ways.
  let state = "";
  for (const end = performance.now() + PATIENCE_MS; state !== "ended" && performance.now() < end; ) ({ state } = await a.client.where(1));
  assert.equal(state, "ended");
  await a.client.close();
  await assert.rejects(a.client.store.add("n", 1), { code: "ERR_CONTROL_CLOSED" });
  assert.match((await a.client.where(1)).text, /no connection/);
});

test("a worker that waits too long is told to the other hosts, a group that ended to all", async () => {
  await using job = await TestJob.start([1, 1]);
  const { agents } = job;
  const stall = { rank: 0, waitedMs: 60_000, collective: "all-reduce 164", waiting: [0], missing: [1] };
  agents[0]!.client.reportStall(stall);
  assert.deepEqual((await agents[1]!.hear("stall")).value, stall);
  agents[0]!.client.reportFault(0, { code: "ERR_COLLECTIVE_ABORTED", message: "the program's own business", ranks: [0] });
  agents[0]!.client.reportFault(0, { code: "ERR_COLLECTIVE_TIMEOUT", message: "rank 1 did not come", ranks: [1] });
  for (const agent of agents)
    assert.deepEqual((await agent.hear("abort")).value, { code: "ERR_COLLECTIVE_TIMEOUT", message: "rank 1 did not come", ranks: [1] });
});

test("an agent that speaks of ranks that are not its own is lost, with the reason", async () => {
  await using job = await TestJob.start([1, 1]);
  const { agents } = job;
  agents[1]!.client.reportExit({ rank: 0, exitCode: 0 });
  assert.match((await agents[0]!.hear("abort")).value.message, /host1 speaks of rank 0, which is not its own/);
});

test("when workers do not end after an abort, the verdict is given without them", async () => {
  await using job = await TestJob.start([2], { graceMs: 200 });
  const { agents } = job;
  agents[0]!.client.requestAbort({ code: "ERR_COLLECTIVE_ABORTED", message: "Ctrl-C twice", ranks: [] });
  assert.equal((await agents[0]!.hear("abort")).value.message, "Ctrl-C twice");
  assert.equal((await agents[0]!.hear("verdict")).value.exitCode, 1);
});
