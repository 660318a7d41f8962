// The user's ways to end a launch: a request, a kill, and the death of the launcher itself.
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLaunch } from "../support/launch.js";
import { becomes, promised } from "../support/timing.js";
import { isRunning, linesOf, member, pidsIn, scriptOf } from "./support.js";

const idle = "console.log('pid', process.pid); await new Promise((resolve) => setTimeout(resolve, 300_000));";
const stops = (answer: string): string => `import { join } from "${member}";
  const me = await join();
  me.link.on("stop", (reason) => { console.log("asked by", reason); ${answer} });
  ${idle}`;

/** A launch of two workers that are both there, with as many processes as they tell of. */
async function started(t: TestContext, source: string, { options = [], pids = 2 }: { options?: readonly string[]; pids?: number } = {}) {
  const launching = startLaunch({ options: ["-n", "2", ...options], script: await scriptOf(t, source) });
  t.after(() => launching.child.kill("SIGKILL"));
  assert.ok(await becomes(() => pidsIn(launching.output()).length === pids), launching.output());
  return launching;
}

suite("a launch that is asked to stop", () => {
  for (const [signal, code, words] of [
    ["SIGINT", 130, "stopping after this step (again to kill)"],
    ["SIGTERM", 143, "stopping after this step (SIGTERM)"],
    ["SIGHUP", 129, "stopping after this step (SIGHUP)"],
    ["SIGUSR1", 138, "stopping after this step (SIGUSR1)"],
  ] as const) {
    test(`by ${signal} lets workers finish in order`, async (t) => {
      const { child, done } = await started(t, stops("setTimeout(() => { console.log('saved'); process.exit(0); }, 100);"));
      child.kill(signal);
      const { code: ended, stdout, stderr } = await done;
      assert.equal(ended, code);
      for (const rank of [0, 1]) assert.deepEqual(linesOf(stdout, rank).slice(1), [`asked by ${signal}`, "saved"]);
      assert.ok(stderr.endsWith(`${words}\n`), stderr);
    });
  }

  test("and whose loop throws the stop ends without a failure", async (t) => {
    const { child, done } = await started(
      t,
      stops("setTimeout(() => { throw Object.assign(new Error('stopped after step 3'), { code: 'ERR_STOPPED' }); }, 50);"),
    );
    child.kill("SIGINT");
    const { code, stderr } = await done;
    assert.equal(code, 130);
    assert.doesNotMatch(stderr, /stopped after step 3|failed/);
  });

  test("by SIGTERM, with all saved, passes on the exit code that says so", async (t) => {
    const { child, done } = await started(t, stops("process.exit(75);"));
    child.kill("SIGTERM");
    assert.equal((await done).code, 75);
  });

  for (const [who, code] of [
    ["all workers", 0],
    ["one of two workers", 143],
  ] as const)
    test(`by SIGTERM, with ${who} telling that the run can go on from there, exits with ${code}`, async (t) => {
      const tells = "me.link.send({ kind: 'stopping', step: 3, saved: true }); setTimeout(() => process.exit(0), 50);";
      const { child, done } = await started(t, stops(code === 0 ? tells : `if (me.link.assignment.rank === 0) { ${tells} } else process.exit(0);`));
      child.kill("SIGTERM");
      assert.equal((await done).code, code);
    });

  test("ends workers that do not listen as Ctrl-C would", async (t) => {
    const { child, done, output } = await started(t, idle);
    child.kill("SIGINT");
    assert.equal((await done).code, 130);
    assert.deepEqual(pidsIn(output()).filter(isRunning), []);
  });

  test("twice kills at once whatever the workers do", async (t) => {
    const { child, done, output } = await started(t, `process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); ${idle}`);
    child.kill("SIGINT");
    assert.ok(await becomes(() => output().includes("again to kill")));
    await sleep(300);
    const before = performance.now();
    child.kill("SIGINT");
    assert.equal((await done).code, 130);
    promised(performance.now() - before, 2000);
    assert.deepEqual(pidsIn(output()).filter(isRunning), []);
  });

  test("ends workers by force after the grace", async (t) => {
    const { child, done, output } = await started(t, `process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); ${idle}`, {
      options: ["--stop-grace", "0.5"],
    });
    child.kill("SIGTERM");
    const { code, stderr } = await done;
    assert.equal(code, 143);
    assert.match(stderr, /have not stopped within 0\.5 s and are ended \(wait longer with --stop-grace\)/);
    assert.deepEqual(pidsIn(output()).filter(isRunning), []);
  });
});

test("the launcher's own death ends its workers at once, busy ones too", async (t) => {
  const { child, output } = await started(t, "console.log('pid', process.pid); for (;;);");
  const before = performance.now();
  child.kill("SIGKILL");
  assert.ok(await becomes(() => !pidsIn(output()).some(isRunning)), "workers live on");
  promised(performance.now() - before, 1000);
});

test("what workers have started ends with the launcher, too", async (t) => {
  const { child, output } = await started(
    t,
    "const { spawn } = await import('node:child_process'); console.log('pid', process.pid); console.log('pid', spawn('sleep', ['300'], { stdio: 'ignore' }).pid); setInterval(() => {}, 1000);",
    { pids: 4 },
  );
  const before = performance.now();
  child.kill("SIGKILL");
  assert.ok(await becomes(() => !pidsIn(output()).some(isRunning), 50_000), "children live on");
  promised(performance.now() - before, 1000);
});

test("without the addon a worker notices the launcher's death, too", async (t) => {
  const launching = startLaunch({ script: await scriptOf(t, idle), env: { ACCELERATE_TS_NATIVE: "0" } });
  assert.ok(await becomes(() => pidsIn(launching.output()).length === 1));
  const before = performance.now();
  launching.child.kill("SIGKILL");
  assert.ok(await becomes(() => !pidsIn(launching.output()).some(isRunning), 50_000), "the worker lives on");
  promised(performance.now() - before, 2000);
});
