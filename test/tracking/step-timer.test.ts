// Step time, shares, rates and memory, by a clock of the test's; and the reports of several ranks as one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { combined, performanceValues, type RankReport, rankSkew, StepTimer } from "../../src/tracking/index.js";
import { packReport, reportLength, unpackReports } from "../../src/tracking/rank-reports.js";

test("an interval gives mean, percentile and longest step, shares, and what was counted", () => {
  let now = 1000;
  const timer = new StepTimer({ interval: 2, now: () => now, memory: () => 3 * 2 ** 20 });
  timer.spent("data", 10);
  now += 100;
  assert.equal(timer.step({ samples: 8, tokens: 100 }), undefined);
  timer.count({ samples: 2 });
  timer.spent("data", 5);
  timer.spent("communication", 200);
  now += 300;
  assert.deepEqual(timer.step({ samples: 10, tokens: 300 }), {
    steps: 2,
    totalMs: 400,
    stepMs: 200,
    p95Ms: 300,
    slowestMs: 300,
    phases: { data: 15, compute: 0, communication: 200 },
    samples: 20,
    tokens: 400,
    rssBytes: 3 * 2 ** 20,
  });
  assert.equal(timer.flush(), undefined, "the next interval is empty");
});

test("the percentile is that of the steps, also of many", () => {
  let now = 0;
  const timer = new StepTimer({ interval: 5000, now: () => now, memory: () => 0 });
  for (let i = 1; i <= 100; i++) {
    now += i;
    timer.step();
  }
  assert.equal(timer.flush()!.p95Ms, 95);
  for (let i = 0; i < 5000; i++) {
    now += i < 2000 ? 1000 : 1;
    timer.step();
  }
  assert.equal(timer.steps, 0, "the interval was full");
});

test("what lies between pause and resume is left out, so is what passed since a mark, and a restart forgets", () => {
  let now = 0;
  const timer = new StepTimer({ interval: 10, now: () => now, memory: () => 0 });
  now += 10;
  timer.pause();
  now += 1000;
  timer.pause();
  timer.spent("data", 1000);
  timer.resume();
  now += 10;
  timer.step();
  timer.pause();
  now += 500;
  timer.step();
  timer.spent("compute", 3);
  const mark = timer.mark();
  timer.spent("compute", 700);
  now += 700;
  timer.leaveOut(mark);
  now += 4;
  timer.step();
  const { totalMs, slowestMs, phases, samples } = timer.flush()!;
  assert.deepEqual([totalMs, slowestMs, phases.data, phases.compute, samples], [24, 20, 0, 3, undefined]);
  timer.step({ samples: 1 });
  now += 5000;
  timer.restart();
  now += 40;
  timer.step();
  const report = timer.flush()!;
  assert.deepEqual([report.steps, report.stepMs, report.samples], [1, 40, undefined]);
});

test("bad numbers are refused", () => {
  const timer = new StepTimer({ now: () => 0 });
  assert.ok(timer.step({ samples: 1 })!.rssBytes > 2 ** 20);
  assert.throws(() => timer.step({ samples: -1 }), { code: "ERR_ARGUMENT" });
  assert.throws(() => new StepTimer({ interval: 0 }), { code: "ERR_ARGUMENT" });
});

test("the skew names the slowest rank", () => {
  assert.deepEqual(rankSkew([100, 150, 120]), { slowestRank: 1, slowestMs: 150, fastestMs: 100, ratio: 1.5 });
  assert.equal(rankSkew([0]).ratio, 1);
  assert.throws(() => rankSkew([]), { code: "ERR_ARGUMENT" });
});

const report = (of: Partial<RankReport>): RankReport => ({
  steps: 10,
  totalMs: 1000,
  stepMs: 100,
  p95Ms: 110,
  slowestMs: 120,
  phases: { data: 0, compute: 0, communication: 0 },
  samples: undefined,
  tokens: undefined,
  rssBytes: 2 ** 20,
  arenaBytes: 2 ** 21,
  ...of,
});

test("ranks together: rates add up, waiting is no work, and the rank that is waited for is named", () => {
  const all = combined([
    report({ samples: 80, tokens: 1000, phases: { data: 100, compute: 400, communication: 500 } }),
    report({ samples: 40, tokens: 600, phases: { data: 300, compute: 600, communication: 100 }, rssBytes: 3 * 2 ** 20 }),
  ]);
  assert.deepEqual(performanceValues(all), {
    "perf/step_ms": 100,
    "perf/step_ms_p95": 110,
    "perf/step_ms_max": 120,
    "perf/samples_per_second": 120,
    "perf/tokens_per_second": 1600,
    "perf/data_share": 0.2,
    "perf/compute_share": 0.5,
    "perf/communication_share": 0.3,
    "perf/rss_mib": 3,
    "perf/rss_mib_total": 4,
    "perf/arena_mib": 2,
    "perf/slowest_rank": 1,
    "perf/rank_skew": 1.8,
    "perf/rank_ms_max": 90,
    "perf/rank_ms_min": 50,
  });
  const alone = performanceValues(combined([report({ totalMs: 0, stepMs: 0, samples: 5 })]));
  assert.ok(!("perf/samples_per_second" in alone) && !("perf/slowest_rank" in alone), "no time, no rate; nobody to compare with");
});

test("a report travels as numbers and arrives as it was", () => {
  const number = fc.double({ min: 0, max: 1e12, noNaN: true });
  const counted = fc.option(number, { nil: undefined });
  const any = fc.record({
    steps: number,
    totalMs: number,
    stepMs: number,
    p95Ms: number,
    slowestMs: number,
    phases: fc.record({ data: number, compute: number, communication: number }),
    samples: counted,
    tokens: counted,
    rssBytes: number,
    arenaBytes: number,
  });
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), (reports) => {
      const numbers = new Float64Array(reports.length * reportLength);
      for (const [i, r] of reports.entries()) numbers.set(packReport(r), i * reportLength);
      assert.deepEqual(
        unpackReports(numbers),
        reports.map((r) => ({ ...r, phases: { ...r.phases } })),
      );
    }),
  );
});
