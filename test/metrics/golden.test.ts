// Scores against those of scikit-learn and scipy; test/golden/make/metrics.py made the numbers.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as metrics from "../../src/metrics/index.js";
import { packageRoot } from "../../src/package-root.js";

type Result = number | "NaN" | readonly Result[];
const functions: Readonly<Record<string, unknown>> = { ...metrics };
interface Case {
  readonly metric: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly result: Result;
}
const cases = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test", "golden", "metrics.json"), "utf8")) as readonly Case[];

/** JSON has no NaN. */
const given = (args: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(args).map(([key, value]) => [key, value === "NaN" ? Number.NaN : value]));
function close(found: unknown, expected: Result, what: string): void {
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(found) && found.length === expected.length, what);
    for (const [i, value] of expected.entries()) close(found[i], value as Result, `${what}[${i}]`);
  } else if (expected === "NaN") assert.ok(Number.isNaN(found), `${what}: ${String(found)} is not NaN`);
  else
    assert.ok(
      typeof found === "number" && Math.abs(found - Number(expected)) <= 1e-11 * Math.max(1, Math.abs(Number(expected))),
      `${what}: ${String(found)} is not ${String(expected)}`,
    );
}

for (const name of new Set(cases.map(({ metric }) => metric))) {
  test(`${name} is that of Python`, () => {
    const score = functions[name] as (args: unknown) => Readonly<Record<string, unknown>>;
    for (const { args, result } of cases.filter(({ metric }) => metric === name)) {
      const values = Object.values(score(given(args)));
      close(values.length === 1 ? values[0] : values, result, `${name}(${JSON.stringify(args)})`);
    }
  });
}
