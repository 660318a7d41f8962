// accelerate-ts test: what it says on machines that are well, and on those that are not.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { SelfTestReport } from "../../launcher/self-test/report.js";
import { launch } from "../support/launch.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "self-test-"));
after(() => rmSync(root, { recursive: true }));

function call(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number; stdout: string; stderr: string; ms: number }> {
  // A test runner's own variables must not reach the workers.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const started = performance.now();
  return new Promise((resolve) =>
    execFile(process.execPath, [cli, "test", ...args], { cwd: root, env: { ...inherited, TMPDIR: root, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr, ms: performance.now() - started }),
    ),
  );
}

describe("accelerate-ts test", () => {
  it("runs on two workers, tells each check, and ends with the sum", async () => {
    const { code, stdout, stderr } = await call([]);
    assert.equal(code, 0, stdout + stderr);
    const lines = stdout.trimEnd().split("\n");
    const checks = lines.filter((line) => /^\[0\] ok {6}\w/.test(line)).length;
    assert.ok(checks >= 14, stdout);
    assert.equal(lines.at(-1), `all ${checks} checks passed on 2 workers (cpu)`);
    assert.deepEqual(readdirSync(root), [], "nothing is left behind");
  });

  for (const workers of [1, 3]) {
    it(`tells programs in JSON what ${workers} worker${workers > 1 ? "s have" : " has"} found, and nothing else`, async () => {
      const { code, stdout, stderr } = await call(["--json", "-n", String(workers)]);
      assert.equal(code, 0, stdout + stderr);
      const report = JSON.parse(stdout) as SelfTestReport;
      assert.deepEqual([report.passed, report.workers, report.device], [true, workers, "cpu"]);
      for (const { name, passed, findings } of report.checks) assert.deepEqual([name, passed, findings], [name, true, []]);
    });
  }

  it("takes the number of workers from variables and files, and leaves precision and accumulation of programs alone", async () => {
    const env = { ACCELERATE_TS_NUM_PROCESSES: "1", ACCELERATE_GRADIENT_ACCUMULATION_STEPS: "4" };
    const { code, stdout, stderr } = await call([], env);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /passed on 1 worker \(cpu\)\n$/);
  });

  it("says that it broke off where workers cannot work at all, with their exit code", async () => {
    const broken = join(root, "broken.node");
    writeFileSync(broken, "no addon");
    const env = { ACCELERATE_TS_NATIVE: broken };
    const { code, stdout, stderr } = await call([], env);
    assert.notEqual(code, 0);
    assert.match(stderr, /broken\.node/);
    assert.match(stderr, /the self-test broke off \(exit code 1\): what is written above says where\n$/);
    assert.doesNotMatch(stdout, /passed/);
    const json = await call(["--json"], env);
    assert.deepEqual([json.code, JSON.parse(json.stdout)], [1, { passed: false, exitCode: 1, checks: [] }]);
    rmSync(broken);
  });
});

describe("checks that fail", () => {
  const script = fileURLToPath(new URL("./fixtures/failing-checks.js", import.meta.url));

  it("name themselves, the workers, and what was expected; the others go on", async () => {
    const { code, stdout, stderr } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 0, stderr);
    const told = stdout.replaceAll("[0] ", "");
    assert.equal(
      told,
      `FAILED  everywhere
        workers 0, 1: one: 1, expected 2
FAILED  on one
        worker 1: numbers, number 1 of 3: 1, expected 0
ok      well
2 of 3 checks failed on 2 workers (cpu): everywhere, on one
`,
    );
  });

  it("and break off name themselves and the worker in its error", async () => {
    const { code, stderr } = await launch({ options: ["-n", "2"], script, args: ["break"] });
    assert.equal(code, 1);
    assert.match(stderr, /worker 1 of 2 failed first/);
    assert.match(stderr, /the check "on one" broke off on worker 1/);
    assert.match(stderr, /out of cheese/);
  });
});
