// Which failure was the first, and what the job's exit code is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { describeFailure, faultOf } from "../../src/control/describe.js";
import { errorReport } from "../../src/control/errors.js";
import { FailureLog } from "../../src/control/failures.js";
import type { ErrorReport } from "../../src/control/messages.js";
import { CollectiveError } from "../../src/distributed/errors.js";

const lost = (...ranks: number[]): ErrorReport => errorReport(new CollectiveError({ code: "ERR_PEER_LOST", message: `worker ${ranks} is gone`, ranks }));
const bug = errorReport(new TypeError("boom"));
const first = (log: FailureLog): readonly number[] | undefined => log.verdict().first?.ranks;

test("a symptom that is reported before its cause is not the first failure", () => {
  const log = new FailureLog();
  log.error(0, "a", lost(2), 10);
  log.error(1, "a", lost(2), 11);
  log.exit({ rank: 2, host: "b", signal: "SIGKILL", atMs: 13 });
  const { first, others, exitCode } = log.verdict();
  assert.deepEqual(first!.ranks, [2]);
  assert.deepEqual(
    others.map((f) => [f.ranks[0], f.symptom]),
    [
      [0, true],
      [1, true],
    ],
  );
  assert.equal(exitCode, 128 + 9);
});

test("an error whose code is the name of what every object has is a failure like any other", () => {
  const log = new FailureLog();
  for (const [rank, code] of ["toString", "constructor", "__proto__"].entries()) {
    const failure = log.error(rank, "a", { ...bug, code }, rank);
    assert.equal(failure.symptom, false);
    assert.equal(faultOf(failure, 3).code, "ERR_PEER_LOST");
  }
});

test("the culprit is named whatever the order of news, among failures that are symptoms", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 7 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
      fc.constantFrom("error", "exit", "signal"),
      fc.array(fc.nat({ max: 400 }), { minLength: 8, maxLength: 8 }),
      (culprit, order, kind, delays) => {
        const log = new FailureLog();
        let aborted = false;
        for (const rank of order) {
          const atMs = rank === culprit ? 100 : 100 + delays[rank]!;
          if (rank !== culprit) log.error(rank, "a", lost(culprit), atMs);
          else if (kind === "error") log.error(rank, "a", bug, atMs);
          else log.exit({ rank, host: "a", ...(kind === "exit" ? { exitCode: 3 } : { signal: "SIGSEGV" }), atMs });
          if (!aborted) log.aborted(atMs);
          aborted = true;
        }
        for (const rank of order) if (rank !== culprit) log.exit({ rank, host: "a", signal: "SIGTERM", stopped: true, atMs: 700 });
        assert.deepEqual(first(log), [culprit]);
      },
    ),
  );
});

test("of two real failures the earlier one is the first, by the coordinator's clock", () => {
  const log = new FailureLog();
  log.error(3, "b", bug, 20);
  log.error(1, "a", bug, 19);
  assert.deepEqual(first(log), [1]);
});

test("what fails long after the abort follows from it", () => {
  const log = new FailureLog();
  log.error(0, "a", lost(4), 10);
  log.aborted(10);
  log.error(1, "a", errorReport(new Error("cannot clean up")), 900);
  log.exit({ rank: 2, host: "a", exitCode: 1, atMs: 901 });
  log.lost("host lost", "b", [4, 5], "nothing was heard of it", 5);
  assert.deepEqual(first(log), [4, 5]);
  assert.deepEqual(
    log.all.map((f) => f.symptom),
    [false, true, true, true],
  );
});

test("what fails long after the abort that it has brought about is its cause", () => {
  const log = new FailureLog();
  log.error(0, "a", lost(1), 10);
  log.aborted(10, [1]);
  log.aborted(300, [2]);
  log.error(2, "b", errorReport(new Error("cannot clean up")), 2000);
  log.error(1, "a", bug, 2001);
  assert.deepEqual(first(log), [1]);
  const exits = new FailureLog();
  exits.error(0, "a", lost(1), 10);
  exits.aborted(10, [1]);
  exits.exit({ rank: 1, host: "a", exitCode: 3, atMs: 900 });
  assert.deepEqual(first(exits), [1]);
});

test("a mismatch is a failure of its own, other failures of collectives are symptoms", () => {
  const log = new FailureLog();
  log.error(0, "a", errorReport(new CollectiveError({ code: "ERR_COLLECTIVE_TIMEOUT", message: "t", ranks: [1] })), 1);
  log.error(1, "a", errorReport(new CollectiveError({ code: "ERR_COLLECTIVE_MISMATCH", message: "m", ranks: [0, 1] })), 2);
  assert.deepEqual(first(log), [1]);
});

test("with symptoms only, the earliest is shown, and its ranks are those it names", () => {
  const log = new FailureLog();
  log.exit({ rank: 2, host: "a", exitCode: 0, atMs: 1 });
  const failure = log.error(1, "a", lost(2), 5);
  assert.deepEqual(first(log), [1]);
  assert.deepEqual(faultOf(failure, 3), { code: "ERR_PEER_LOST", message: "worker 2 is gone", ranks: [2] });
});

test("a report and the exit of the same worker are one failure, in either order", () => {
  for (const reportFirst of [true, false]) {
    const log = new FailureLog();
    const report = (): unknown => log.error(1, "a", { ...bug, step: 81 }, 10);
    if (reportFirst) report();
    log.exit({ rank: 1, host: "a", exitCode: 7, atMs: 12, stderrTail: "tail" });
    if (!reportFirst) report();
    const { first, others, exitCode } = log.verdict();
    assert.deepEqual([first!.kind, first!.step, first!.exitCode, first!.stderrTail, others.length, exitCode], ["error", 81, 7, "tail", 0, 7]);
  }
});

test("the exit code is 0 when all is done, 75 when all stopped with their state saved", () => {
  const log = new FailureLog();
  log.exit({ rank: 0, host: "a", exitCode: 0, atMs: 1 });
  assert.equal(log.verdict().exitCode, 0);
  log.stop("SIGTERM");
  log.exit({ rank: 1, host: "a", exitCode: 75, atMs: 2 });
  log.exit({ rank: 2, host: "a", signal: "SIGTERM", atMs: 3 });
  assert.deepEqual(log.verdict(), { exitCode: 75, first: undefined, others: [], stopped: "SIGTERM" });
  const failed = new FailureLog();
  failed.exit({ rank: 0, host: "a", exitCode: 75, atMs: 1 });
  assert.equal(failed.verdict().first!.kind, "exit");
});

test("failures are said in one line that names worker, host and cause", () => {
  const log = new FailureLog();
  assert.equal(describeFailure(log.error(2, "b", { ...bug, step: 81 }, 1), 4), "worker 2 of 4 on b failed: TypeError: boom (in step 81)");
  assert.equal(describeFailure(log.exit({ rank: 1, host: "a", signal: "SIGKILL", atMs: 1 })!, 4), "worker 1 of 4 on a was killed by SIGKILL");
  assert.equal(describeFailure(log.exit({ rank: 0, host: "a", exitCode: 3, atMs: 1 })!, 4), "worker 0 of 4 on a ended with exit code 3");
  assert.equal(describeFailure(new FailureLog().lost("host lost", "b", [2, 3], "cut off", 1), 4), "host b (workers 2 and 3 of 4) is lost: cut off");
});

test("whatever was thrown becomes a report", () => {
  const hostile = {
    get message(): string {
      throw new Error("no");
    },
  };
  const thrown: unknown[] = [
    undefined,
    null,
    5,
    "text",
    Symbol("s"),
    {},
    [],
    hostile,
    new Proxy({}, { get: () => 1n }),
    Object.create(null),
    new Error("x".repeat(1 << 20)),
  ];
  for (const value of thrown) {
    const report = errorReport(value, { step: Number.NaN, epoch: -1 });
    assert.ok(report.message.length < 70_000);
    assert.deepEqual([typeof report.name, report.step, report.epoch], ["string", undefined, undefined]);
  }
  assert.deepEqual(lost(1, 2).ranks, [1, 2]);
});
