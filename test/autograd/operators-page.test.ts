// docs/operators.md, and what the tables of ops and gradients must say.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gradientCoverage } from "../../src/autograd/coverage.js";
import { operatorsPage } from "../../src/autograd/page.js";
import { standardGradients } from "../../src/autograd/rules.js";
// The table first: it and the definitions know each other.
import { standardOps } from "../../src/graph/index.js";
import { standardOpDefs } from "../../src/graph/ops/index.js";
import { packageRoot } from "../../src/package-root.js";

test("docs/operators.md tells what the tables say (npm run docs:operators writes it)", () => {
  const page = readFileSync(join(packageRoot(import.meta.url), "docs", "operators.md"), "utf8");
  assert.ok(page === operatorsPage(), "run npm run docs:operators");
});

test("every op is defined once", () => {
  const names = standardOpDefs.map(({ op, domain }) => `${domain}:${op}`);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

test("every gradient rule belongs to an op of the table", () => {
  const strays = [...standardGradients].filter(({ op, domain = "" }) => !standardOps.get(op, domain)).map(({ op }) => op);
  assert.deepEqual(strays, []);
});

test("an op that runs as its parts says what they are", () => {
  for (const { op, composite, decompose } of standardOpDefs) assert.ok(!composite || decompose, op);
});

test("few ops have floats and no gradient", () => {
  const missing = standardOpDefs.filter((def) => gradientCoverage(def).kind === "missing").map(({ op }) => op);
  const known = ["Unique", "LpPool", "GlobalLpPool"];
  assert.deepEqual(
    missing.filter((op) => !known.includes(op)),
    [],
  );
});
