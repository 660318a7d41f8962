// What every backend of collectives must do: one suite, registered by the test file of each backend.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import type { RankStatus, ReduceOp } from "../../src/distributed/process-group.js";
import { type DType, dtypes } from "../../src/graph/dtype.js";
import { type Outcome, Ranks } from "../support/ranks.js";
import { promised } from "../support/timing.js";
import type { Call, TaskBase } from "./conformance-tasks.js";
import type { FaultReport } from "./failure-tasks.js";
import { reduceOps } from "./numbers.js";

export interface ConformanceOptions {
  /** In names of tests. */
  readonly backend: string;
  /** URL of a module that exports `connect` (type Connect of conformance-tasks.ts); the ranks import it. */
  readonly module: URL;
  /** World sizes; default 1 to 4. */
  readonly sizes?: readonly number[];
  /** Sums are taken in the order of ranks, so they equal the reference bit for bit; default true. */
  readonly exact?: boolean;
  /** How soon the survivors of a killed rank know; default 100 ms. */
  readonly lostWithinMs?: number;
  /** A rank that closes or ends is noticed as such; default true. */
  readonly tellsOfLeaving?: boolean;
  /** Why nothing can be tested here. */
  readonly skip?: string | false;
  /** Largest count of float32 numbers; default 100 MB. */
  readonly largest?: number;
}

const tasks = new URL("./conformance-tasks.js", import.meta.url);
const failures = new URL("./failure-tasks.js", import.meta.url);
const counts = [0, 1, 2, 7, 255, 256, 1021, 4099, 70_001];

export function conformance(options: ConformanceOptions): void {
  const { backend, sizes = [1, 2, 3, 4], exact = true, lostWithinMs = 100, tellsOfLeaving = true, skip = false, largest = 25_000_000 } = options;
  let groups = 0;
  /** Arguments of a task with a group of its own. */
  const fresh = (timeoutMs = 60_000): TaskBase => ({ backend: options.module.href, exact, group: { name: `${backend}/${++groups}`, timeoutMs } });

  describe(`${backend}: results`, { skip }, () => {
    for (const size of sizes) {
      describe(`of ${size} rank${size > 1 ? "s" : ""}`, () => {
        let ranks: Ranks;
        const shared = fresh();
        before(async () => {
          ranks = await Ranks.start(size);
        });
        after(async () => ranks?.[Symbol.asyncDispose]());

        for (const dtype of Object.keys(dtypes) as DType[])
          it(`${dtype}: every operation at every size equals the reference and is the same on all ranks`, async () => {
            agree(await ranks.values<string[]>(tasks, "everything", { ...shared, dtype, counts }));
          });

        it("any program of calls, awaited or not, with random delays", async () => {
          await fc.assert(
            fc.asyncProperty(fc.array(call(size), { minLength: 1, maxLength: 8 }), fc.boolean(), fc.constantFrom(0, 0, 3), async (calls, awaited, delays) => {
              agree(await ranks.values<string[]>(tasks, "program", { ...shared, calls, awaited, delays }));
            }),
            { numRuns: 12 },
          );
        });

        it("outputs may be the rank's own part of the input, and inputs that of the output", async () => {
          for (const count of [5, 100_003]) await ranks.values(tasks, "inPlace", { ...shared, count });
        });

        it("objects travel, and one that cannot is an error on every rank that names its owner", async () => {
          await ranks.values(tasks, "objects", shared);
        });

        it("wrong arguments are errors that leave the group whole", async () => {
          await ranks.values(tasks, "wrongArguments", shared);
        });

        it("groups are made and closed again and again; a closed one says so", async () => {
          await ranks.values(tasks, "closing", fresh());
        });

        it("a process that forgets its group ends by itself", async () => {
          await ranks.values(tasks, "forgotten", shared);
          assert.deepEqual(await Promise.all(Array.from({ length: size }, (_, rank) => ranks.release(rank))), new Array(size).fill(0), ranks.stderr);
        });
      });
    }

    it("4 MB and the largest size", async () => {
      await using ranks = await Ranks.start(2);
      for (const count of new Set([1_000_003, largest])) {
        const hashes = await ranks.values<string>(tasks, "large", { ...fresh(), count });
        assert.equal(new Set(hashes).size, 1);
      }
    });
  });

  describe(`${backend}: failures`, { skip }, () => {
    // The survivors of one scenario serve the next; a rank that was killed is replaced with the whole set.
    const pools = new Map<number, Ranks>();
    const pool = async (size: number): Promise<Ranks> => {
      const ranks = pools.get(size) ?? (await Ranks.start(size));
      pools.set(size, ranks);
      return ranks;
    };
    after(async () => {
      for (const ranks of pools.values()) await ranks[Symbol.asyncDispose]();
    });

    for (const [difference, pattern] of [
      ["op", /rank 0: all-reduce 2 float32 \[1\]; rank 1: all-gather 2 int32 \[8\]: the ranks have taken different paths \(train\.ts:40:3, train\.ts:52:5\)/],
      ["count", /rank 0: all-reduce 2 float32 \[100000\]; rank 1: all-reduce 2 float32 \[200000\]/],
      ["dtype", /rank 0: all-reduce 2 float32 \[4\]; rank 1: all-reduce 2 int32 \[4\]/],
      ["reduce", /rank 0: all-reduce 2 float32 \[4\].*sum.*; rank 1: all-reduce 2 float32 \[4\].*max/],
      ["root", /rank 0: broadcast 2 float32 \[4\].*0.*; rank 1: broadcast 2 float32 \[4\].*1/],
    ] as const)
      it(`calls that differ in ${difference} are the same mismatch on both ranks`, async () => {
        const reports = faults(await (await pool(2)).run<FaultReport>(failures, "mismatch", { ...fresh(), odd: 1, difference }));
        for (const report of reports) {
          assert.equal(report.code, "ERR_COLLECTIVE_MISMATCH", report.message);
          assert.match(report.message, pattern);
        }
        assert.equal(new Set(reports.map((report) => report.message)).size, 1);
        staysFailed(reports);
      });

    it("one rank of three on another path is named by its call", async () => {
      const reports = faults(await (await pool(3)).run<FaultReport>(failures, "mismatch", { ...fresh(), odd: 2, difference: "op" }));
      for (const report of reports) {
        assert.equal(report.code, "ERR_COLLECTIVE_MISMATCH", report.message);
        assert.match(report.message, /rank 2: all-gather 2 int32 \[8\]/);
      }
    });

    it("a rank that does not come in time is named on all that wait", async () => {
      const ranks = await pool(3);
      const outcomes = await ranks.run<FaultReport>(failures, "alone", { ...fresh(), missing: 1, act: "sleep", forMs: 700, timeoutMs: 300 });
      const reports = faults(outcomes.filter((_, rank) => rank !== 1));
      for (const report of reports) {
        assert.equal(report.code, "ERR_COLLECTIVE_TIMEOUT", report.message);
        assert.match(report.message, /barrier 2/);
        assert.match(report.message, /rank 1/);
        assert.deepEqual(report.ranks, [1]);
        promised(report.ms, 1500);
      }
      // The first one whose time is over ends the wait of all.
      assert.ok(Math.max(...reports.map(({ ms }) => ms)) > 250, `after ${reports.map(({ ms }) => ms).join(" and ")} ms`);
      staysFailed(reports);
    });

    it("abort ends every wait on every rank with the same fault", async () => {
      const outcomes = await (await pool(3)).run<FaultReport>(failures, "alone", { ...fresh(), missing: 2, act: "abort" });
      const reports = faults(outcomes.slice(0, 2));
      for (const report of reports) {
        assert.equal(report.code, "ERR_COLLECTIVE_ABORTED");
        assert.equal(report.message, "the user pressed Ctrl-C");
        assert.deepEqual(report.ranks, [2]);
        promised(report.ms, 2000);
      }
      staysFailed(reports);
    });

    it("a signal aborts the whole group", async () => {
      const reports = faults(await (await pool(2)).run<FaultReport>(failures, "alone", { ...fresh(), missing: 1, act: "signal" }));
      for (const report of reports) {
        assert.equal(report.code, "ERR_COLLECTIVE_ABORTED");
        assert.match(report.message, /rank 1.*enough/);
        assert.deepEqual(report.ranks, [1]);
      }
    });

    if (tellsOfLeaving)
      it("a rank that leaves in order is reported to those who still wait for it, at once", async () => {
        const outcomes = await (await pool(3)).run<FaultReport>(failures, "alone", { ...fresh(), missing: 0, act: "leave" });
        for (const report of faults(outcomes.slice(1))) {
          assert.equal(report.code, "ERR_PEER_LOST", report.message);
          assert.match(report.message, /rank 0 has left the group/);
          assert.match(report.message, /barrier 2/);
          assert.deepEqual(report.ranks, [0]);
          promised(report.ms, 1000);
        }
      });

    for (const act of ["quit", "exit", "throw"] as const)
      it(`a rank whose process ends (${act}) is named`, async () => {
        await using ranks = await Ranks.start(3);
        const outcomes = await ranks.run<FaultReport>(failures, "alone", { ...fresh(), missing: 1, act });
        assert.equal(outcomes[1]!.kind, "exit");
        for (const report of faults([outcomes[0]!, outcomes[2]!])) {
          assert.equal(report.code, "ERR_PEER_LOST", report.message);
          assert.match(report.message, /rank 1/);
          assert.deepEqual(report.ranks, [1]);
        }
      });

    for (const [what, count] of [
      ["between calls", 0],
      ["in the middle of large transfers", 3_000_000],
    ] as const)
      it(`a killed rank is named within ${lostWithinMs} ms, ${what}`, async () => {
        await using ranks = await Ranks.start(3);
        const victim = 1;
        const waiting = count ? ranks.heard("busy", [0, 1, 2]) : ranks.heard("waiting", [0, 2]);
        const running = count
          ? ranks.run<FaultReport>(failures, "busy", { ...fresh(), count })
          : ranks.run<FaultReport>(failures, "alone", { ...fresh(), missing: victim, act: "block" });
        await waiting;
        await sleep(150);
        const killed = Date.now();
        ranks.kill(victim, "SIGKILL");
        const outcomes = await running;
        assert.equal(outcomes[victim]!.kind, "exit");
        for (const report of faults(outcomes.filter((_, rank) => rank !== victim))) {
          assert.equal(report.code, "ERR_PEER_LOST", report.message);
          assert.match(report.message, /rank 1/);
          assert.deepEqual(report.ranks, [victim]);
          promised(report.at - killed, lostWithinMs);
        }
      });

    it("a stopped rank runs into the deadline and is named", async () => {
      await using ranks = await Ranks.start(2);
      const busy = ranks.heard("busy", [0, 1]);
      const running = ranks.run<FaultReport>(failures, "busy", { ...fresh(), count: 100_000, timeoutMs: 2000 });
      await busy;
      await sleep(50);
      ranks.kill(1, "SIGSTOP");
      await ranks.heard("failed", [0]);
      ranks.kill(1, "SIGCONT");
      const reports = faults(await running);
      assert.equal(reports[0]!.code, "ERR_COLLECTIVE_TIMEOUT", reports[0]!.message);
      assert.match(reports[0]!.message, /rank 1/);
      assert.deepEqual(reports[0]!.ranks, [1]);
    });

    it("status shows who waits where, and a long wait is reported with who is missing", async () => {
      const outcomes = await (await pool(2)).values<{
        readonly seen: readonly RankStatus[];
        readonly stalls: readonly {
          readonly collective: string;
          readonly waiting: readonly number[];
          readonly missing: readonly number[];
          readonly waitedMs: number;
        }[];
      }>(failures, "watched", fresh());
      const [own, other] = outcomes[0]!.seen;
      assert.equal(own!.rank, 0);
      assert.equal(own!.sequence, 1);
      assert.equal(own!.waiting, false);
      assert.equal(other!.rank, 1);
      const stall = outcomes[1]!.stalls[0]!;
      assert.match(stall.collective, /all-reduce 2 \(gradient exchange.*float32 \[12\]\)/);
      assert.deepEqual(stall.waiting, [1]);
      assert.deepEqual(stall.missing, [0]);
      assert.ok(stall.waitedMs >= 150);
      promised(stall.waitedMs, 2000);
      assert.equal(outcomes[0]!.stalls.length, 0);
    });
  });
}

/** Arbitrary calls for a group of this size. */
function call(size: number): fc.Arbitrary<Call> {
  const kind = fc.constantFrom<Call["kind"]>("all-reduce", "all-reduce", "reduce-scatter", "all-gather", "broadcast", "barrier");
  const dtypeAndOp = fc
    .constantFrom(...(Object.keys(dtypes) as DType[]))
    .chain((dtype) => fc.tuple(fc.constant(dtype), fc.constantFrom<ReduceOp>(...reduceOps(dtype))));
  const count = fc.oneof({ weight: 3, arbitrary: fc.nat(300) }, { weight: 2, arbitrary: fc.nat(20_000) }, { weight: 1, arbitrary: fc.nat(120_000) });
  return fc
    .tuple(kind, dtypeAndOp, count, fc.nat(size - 1), fc.nat(1000))
    .map(([kind, [dtype, op], count, root, seed]) => ({ kind, dtype, op, count, root, seed }));
}

function agree(hashes: readonly (readonly string[])[]): void {
  for (const other of hashes) assert.deepEqual(other, hashes[0]);
}

function faults(outcomes: readonly Outcome<FaultReport>[]): FaultReport[] {
  return outcomes.map((outcome) => {
    if (outcome.kind === "value") return outcome.value;
    throw new Error(outcome.kind === "error" ? outcome.error.stack : `a rank ended with ${outcome.signal ?? outcome.code}`);
  });
}

/** Later calls fail at once, with the same fault. */
function staysFailed(reports: readonly FaultReport[]): void {
  for (const { code, message, again } of reports) {
    assert.deepEqual({ code: again.code, message: again.message }, { code, message });
    promised(again.ms, 200);
  }
}
