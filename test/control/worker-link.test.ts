// A worker's end and its agent's end of the control socket, with real processes.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fc } from "../support/properties.js";
import { FrameReader, encodeFrame } from "../../src/control/frames.js";
import { AgentSideLink, type Assignment, type ErrorReport, type WorkerEvent } from "../../src/control/index.js";
import type { AgentFrame } from "../../src/control/messages.js";
import type { Store } from "../../src/distributed/store.js";
import { type Ended, WorkerProgram } from "./processes.js";
import { TestJob } from "./support.js";

const place = (rank: number, worldSize: number): Assignment => ({
  rank,
  worldSize,
  localRank: rank,
  localWorldSize: worldSize,
  host: 0,
  hosts: 1,
  hostOfRank: new Array<number>(worldSize).fill(0),
  address: "127.0.0.1",
});
const variables = ({ rank, worldSize, localRank, localWorldSize }: Assignment): Record<string, string> => ({
  RANK: `${rank}`,
  WORLD_SIZE: `${worldSize}`,
  LOCAL_RANK: `${localRank}`,
  LOCAL_WORLD_SIZE: `${localWorldSize}`,
  ACCELERATE_TS_CONTROL_FD: "3",
});

interface Linked {
  readonly worker: WorkerProgram;
  readonly link: AgentSideLink;
  readonly events: WorkerEvent[];
  readonly failures: ErrorReport[];
  readonly end: Promise<Ended>;
}
/** A worker with its agent's end. */
function start(
  assignment: Assignment,
  args: readonly string[],
  options: { readonly store?: Store | Promise<Store>; readonly welcome?: Promise<Assignment> } = {},
): Linked {
  const worker = new WorkerProgram(variables(assignment), args, { control: true });
  const { welcome = assignment, store = Promise.reject<Store>(new Error("this test has no store")) } = options;
  const link = new AgentSideLink(worker.control, { rank: assignment.rank, assignment: welcome, store });
  const events: WorkerEvent[] = [];
  const failures: ErrorReport[] = [];
  link.on("event", (event) => events.push(event));
  link.on("failure", (report) => failures.push(report));
  return { worker, link, events, failures, end: link.closed.then(() => worker.ended) };
}

test("frames come out as they went in, however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 50 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (reasons, cuts) => {
      const bytes = Buffer.concat(reasons.map((reason) => encodeFrame("AgentFrame", { stop: { reason } })));
      const reader = new FrameReader("AgentFrame", "the launcher");
      const out: AgentFrame[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const next = at + cuts[i % cuts.length]!;
        out.push(...reader.push(bytes.subarray(at, next)));
        at = next;
      }
      assert.deepEqual(
        out.map((frame) => frame.stop?.reason),
        reasons,
      );
      assert.equal(reader.pending, 0);
    }),
  );
});

test("workers meet through their agent's store, open one connection however often they ask, load no gRPC, and end by themselves", async () => {
  await using job = await TestJob.start([2]);
  const linked = job.agents[0]!.plan.assignments.map((a) => start(a, ["meet"], { store: job.agents[0]!.client.store }));
  const ends = await Promise.all(linked.map(({ end }) => end));
  for (const [rank, { code, lines, stderr }] of ends.entries()) {
    assert.equal(code, 0, stderr);
    assert.deepEqual(lines[0], { assignment: place(rank, 2) });
    assert.deepEqual(lines[1], { same: true, grpc: false });
  }
  assert.deepEqual(ends.map(({ lines }) => lines[2].count).sort(), [1, 2]);
});

test("a worker that starts before its job is known waits for its place", async () => {
  const { end } = start(place(0, 1), ["events"], { welcome: sleep(400).then(() => place(0, 1)) });
  const { code, lines } = await end;
  assert.deepEqual([code, lines[0].assignment.worldSize], [0, 1]);
});

test("the agent hears of progress, stalls, faults and stops", async () => {
  const { end, events, link } = start(place(0, 2), ["events"]);
  await end;
  assert.deepEqual(events, [
    { kind: "progress", step: 3 },
    { kind: "stalled", waitedMs: 60_000, collective: "all-reduce 12", waiting: [0], missing: [1] },
    { kind: "fault", fault: { code: "ERR_COLLECTIVE_MISMATCH", message: "paths differ", ranks: [0, 1] } },
    { kind: "stopping", step: 4 },
  ]);
  assert.deepEqual(link.progress, { step: 3 });
});

test("the last words of a worker arrive before its end, with the step it was in, its stack and its code", async () => {
  await using job = await TestJob.start([2]);
  const { client, plan } = job.agents[0]!;
  const linked = plan.assignments.map((a) => start(a, ["die", "throw"], { store: client.store }));
  const { code, stderr } = await linked[1]!.end;
  assert.equal(code, 1, stderr);
  const [report] = linked[1]!.failures;
  assert.deepEqual([report?.name, report?.message, report?.step, report?.epoch], ["TypeError", "boom", 81, 2]);
  assert.equal(linked[1]!.link.progress.step, 80, "progress is told a few times per second only");
  assert.match(report!.stack, /linked\.(js|ts):\d+/);
  linked[0]!.link.abort({ code: "ERR_PEER_LOST", message: "worker 1 of 2 failed: TypeError: boom", ranks: [1] });
  const { lines } = await linked[0]!.end;
  assert.deepEqual(lines.at(-1), { code: "ERR_PEER_LOST", message: "worker 1 of 2 failed: TypeError: boom", ranks: [1] });
  assert.deepEqual(lines.at(-2).abort.ranks, [1]);
});

test("8 MB in flight and last words are whole frames, though the agent reads late", async () => {
  const stored: number[] = [];
  const store: Store = {
    set: async (_key, value) => void stored.push(value.length),
    get: () => Promise.reject(new Error("unused")),
    add: () => Promise.reject(new Error("unused")),
    delete: () => Promise.reject(new Error("unused")),
  };
  const { worker, end, events, failures } = start(place(0, 1), ["flood"], { store });
  worker.control.pause();
  await sleep(300);
  worker.control.resume();
  const { code, stderr } = await end;
  assert.equal(code, 1, stderr);
  assert.deepEqual(
    failures.map((f) => [f.name, f.message]),
    [["RangeError", "after the flood"]],
  );
  assert.equal(failures[0]!.step, 1999);
  assert.deepEqual(stored, new Array<number>(8).fill(1 << 20));
  assert.equal(events.length, 2000);
});

test("news that came before somebody listened is told to every listener", async () => {
  const { promise: go, resolve } = ((): { promise: Promise<Uint8Array>; resolve: (v: Uint8Array) => void } => {
    let resolve!: (v: Uint8Array) => void;
    const promise = new Promise<Uint8Array>((r) => {
      resolve = r;
    });
    return { promise, resolve };
  })();
  const unused = (): Promise<never> => Promise.reject(new Error("unused"));
  const { worker, link, end } = start(place(0, 1), ["late"], { store: { get: () => go, set: unused, add: unused, delete: unused } });
  await worker.line((line) => line === "ready");
  link.stop("Ctrl-C");
  resolve(new Uint8Array(0));
  const { lines, code } = await end;
  assert.deepEqual([code, lines.slice(-2)], [0, [{ stop: "Ctrl-C" }, { stop: "Ctrl-C" }]]);
});

test("a worker whose agent is gone is told so and does not hang", async () => {
  const never = new Promise<never>(() => {});
  const { worker, link } = start(place(1, 2), ["orphan"], { store: { get: () => never, set: () => never, add: () => never, delete: () => never } });
  await worker.line((line) => line === "ready");
  link.close();
  const { lines, code } = await worker.ended;
  assert.equal(code, 0);
  assert.deepEqual(
    lines
      .slice(-2)
      .map((l) => l.code ?? l.abort.code)
      .sort(),
    ["ERR_CONTROL_LINK", "ERR_PEER_LOST"],
  );
  assert.match(lines.find((l) => l.abort)!.abort.message, /the launcher of worker 1 is gone/);
});

test("garbage from a worker is an error that names it, and harms nobody else", async () => {
  const hostile = [
    "process.stdout",
    "require('fs').writeSync(3, Buffer.alloc(5000, 0xff))",
    "require('fs').writeSync(3, Buffer.from([3, 0, 0, 0, 0x0a, 0xff, 0xff]))",
  ];
  const errors = await Promise.all(
    hostile.map(async (code) => {
      const child = spawn(process.execPath, ["-e", `${code}; setTimeout(() => {}, 100)`], { stdio: ["ignore", "ignore", "inherit", "pipe"] });
      const link = new AgentSideLink(child.stdio[3] as WorkerProgram["control"], {
        rank: 5,
        assignment: place(0, 1),
        store: Promise.reject(new Error("none")),
      });
      const closed = new Promise<Error | undefined>((resolve) => link.on("closed", resolve));
      await link.closed;
      if (child.exitCode === null) await once(child, "exit");
      return closed;
    }),
  );
  assert.equal(errors[0], undefined);
  for (const error of errors.slice(1)) assert.match(String(error), /worker 5 sent what is no message of the control socket/);
});

test("a descriptor that is no line to a launcher, and an agent that sends garbage, are typed errors", async () => {
  const env = variables(place(0, 1));
  const none = await new WorkerProgram(env, ["meet"]).ended;
  assert.deepEqual([none.code, none.lines[0].code], [9, "ERR_CONTROL_LINK"]);
  assert.match(none.lines[0].message, /descriptor 3 is no line to a launcher .*unset it/);
  const worker = new WorkerProgram(env, ["meet"], { control: true });
  worker.control.on("error", () => {});
  worker.control.write(Buffer.alloc(64, 0xff));
  const garbled = await worker.ended;
  assert.deepEqual([garbled.code, garbled.lines[0].code], [9, "ERR_CONTROL_LINK"]);
  assert.match(garbled.lines[0].message, /the launcher sent what is no message/);
  const other = start(place(0, 1), ["meet"], { welcome: Promise.resolve(place(1, 2)) });
  const { lines } = await other.end;
  assert.deepEqual([lines[0].code, /rank 1 of 2, the environment rank 0 of 1/.test(lines[0].message)], ["ERR_LAUNCH_MISMATCH", true]);
});

test("last words are heard also where the worker has died before the agent could say anything", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "link-"));
  const server = createServer();
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "socket");
  server.listen(path);
  await once(server, "listening");
  const words = encodeFrame("WorkerFrame", { failure: { name: "RangeError", message: "floating", stack: "", code: "", ranks: [] } }).toString("hex");
  // This process does nothing until that one has ended.
  spawnSync(process.execPath, [
    "-e",
    `const socket = require("node:net").connect(${JSON.stringify(path)}, () => socket.write(Buffer.from("${words}", "hex"), () => process.exit()))`,
  ]);
  const [socket] = (await once(server, "connection")) as [Socket];
  const link = new AgentSideLink(socket, { rank: 1, assignment: place(1, 2), store: Promise.reject<Store>(new Error("this test has no store")) });
  const failures: ErrorReport[] = [];
  link.on("failure", (report) => failures.push(report));
  await link.closed;
  assert.deepEqual(
    failures.map(({ name, message }) => [name, message]),
    [["RangeError", "floating"]],
  );
});
