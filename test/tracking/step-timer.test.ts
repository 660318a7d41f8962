// Step time, rates and memory, by a clock of the test's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rankSkew, StepTimer, timingValues } from "../../src/tracking/index.js";

test("an interval gives mean and longest step, and rates over its time", () => {
  let now = 1000;
  const timer = new StepTimer({ interval: 2, now: () => now, memory: () => 3 * 2 ** 20 });
  now += 100;
  assert.equal(timer.step({ samples: 8, tokens: 100 }), undefined);
  now += 300;
  const report = timer.step({ samples: 12, tokens: 300 })!;
  assert.deepEqual(report, { steps: 2, stepMs: 200, slowestMs: 300, samplesPerSecond: 50, tokensPerSecond: 1000, rssBytes: 3 * 2 ** 20 });
  assert.deepEqual(timingValues(report), { performance: { stepMs: 200, slowestStepMs: 300, samplesPerSecond: 50, tokensPerSecond: 1000, rssMiB: 3 } });
  assert.equal(timer.flush(), undefined, "the next interval is empty");
});

test("what lies between pause and resume is left out, and a restart forgets", () => {
  let now = 0;
  const timer = new StepTimer({ interval: 10, now: () => now, memory: () => 0 });
  now += 10;
  timer.pause();
  now += 1000;
  timer.pause();
  timer.resume();
  now += 10;
  timer.step();
  timer.pause();
  now += 500;
  timer.step();
  assert.deepEqual(timer.flush(), { steps: 2, stepMs: 10, slowestMs: 20, samplesPerSecond: undefined, tokensPerSecond: undefined, rssBytes: 0 });
  timer.step({ samples: 1 });
  now += 5000;
  timer.restart();
  now += 40;
  timer.step();
  const report = timer.flush()!;
  assert.deepEqual([report.steps, report.stepMs, report.samplesPerSecond], [1, 40, undefined]);
  assert.deepEqual(timingValues(report), { performance: { stepMs: 40, slowestStepMs: 40, rssMiB: 0 } });
});

test("a step in no time has no rate, and bad numbers are refused", () => {
  const timer = new StepTimer({ now: () => 0 });
  const report = timer.step({ samples: 1 })!;
  assert.equal(report.samplesPerSecond, undefined);
  assert.ok(report.rssBytes > 2 ** 20);
  assert.throws(() => timer.step({ samples: -1 }), { code: "ERR_ARGUMENT" });
  assert.throws(() => new StepTimer({ interval: 0 }), { code: "ERR_ARGUMENT" });
});

test("the skew names the slowest rank", () => {
  assert.deepEqual(rankSkew([100, 150, 120]), { slowestRank: 1, slowestMs: 150, fastestMs: 100, ratio: 1.5 });
  assert.equal(rankSkew([0]).ratio, 1);
  assert.throws(() => rankSkew([]), { code: "ERR_ARGUMENT" });
});
