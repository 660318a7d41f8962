// Launches whose workers fail: the first one is named, with its words; the exit code is its own; nothing is left.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { launch, startLaunch } from "../support/launch.js";
import { becomes, promised, promisedBest } from "../support/timing.js";
import { isRunning, linesOf, member, pidsIn, scriptOf } from "./support.js";

const idle = "await new Promise((resolve) => setTimeout(resolve, 300_000));";
const at = (rank: number, what: string): string => `if (process.env.RANK === "${rank}") { ${what} }\n`;

suite("a worker that fails", () => {
  test("by an error: name, place in the source and who was stopped, and nothing twice", async (t) => {
    const script = await scriptOf(
      t,
      `interface Row { labels: number }
function collate(rows: (Row | undefined)[]): number {
  return rows[3]!.labels;
}
console.log("pid", process.pid);
${at(2, "console.error('before'); setTimeout(() => collate([]), 300);")}${idle}`,
      "train.ts",
    );
    const logs = join(dirname(script), "logs");
    const { code, stdout, stderr } = await launch({ options: ["-n", "4", "--log-dir", logs], script, cwd: dirname(script) });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^accelerate-ts [^\n]*\n\[2\] before\nworker 2 of 4 failed first: TypeError, \d+\.\d s after the start\n {4}TypeError: Cannot read properties of undefined \(reading 'labels'\)\n {8}at collate \(train\.ts:3:19\)\n {8}at [^\n]*train\.ts:6:\d+\)\n/,
    );
    assert.match(stderr, new RegExp(`\\nworkers 0, 1 and 3 were stopped\\nlogs: ${logs}/rank-2\\.log\\n$`));
    assert.match(readFileSync(join(logs, "rank-2.log"), "utf8"), /before[\s\S]*TypeError[\s\S]*Node\.js v/);
    assert.deepEqual(pidsIn(stdout).filter(isRunning), []);
  });

  test("that catches what nobody caught, and goes on, has not failed", async (t) => {
    const script = await scriptOf(
      t,
      `process.on("uncaughtException", (error) => console.log("caught", error.message));
setTimeout(() => { throw new Error("late"); }, 50);
await new Promise((resolve) => setTimeout(resolve, 300));
console.log("done");`,
    );
    const { code, stdout, stderr } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /failed/);
    assert.deepEqual(linesOf(stdout, 1), ["caught late", "done"]);
  });

  for (const [how, code, message] of [
    [
      "console.error('bad thing'); process.exit(3);",
      3,
      /worker 1 of 2 failed first: exit code 3, without an uncaught error[^\n]*\n {4}its last lines on stderr:\n {4}bad thing\n/,
    ],
    ["process.kill(process.pid, 'SIGSEGV');", 139, /worker 1 of 2 failed first: it crashed with SIGSEGV in native code/],
    ["process.kill(process.pid, 'SIGKILL');", 137, /worker 1 of 2 failed first: it was killed by SIGKILL[^\n]*\n[^\n]*dmesg/],
    ["await new Promise(() => {});", 13, /worker 1 of 2 failed first: exit code 13: its top-level await was never settled/],
    ["await import('./nowhere.mjs');", 1, /worker 1 of 2 failed first: Error \(ERR_MODULE_NOT_FOUND\)[\s\S]*nowhere\.mjs/],
    ["Promise.reject(new RangeError('floating')); ", 1, /worker 1 of 2 failed first: RangeError[\s\S]*RangeError: floating/],
    ["throw null;", 1, /worker 1 of 2 failed first: thrown|worker 1 of 2 failed first: Error/],
  ] as const) {
    test(`${how} ends the job with ${code}`, async (t) => {
      const script = await scriptOf(t, at(1, how) + at(0, idle));
      const { code: ended, stderr } = await launch({ options: ["-n", "2"], script });
      assert.equal(ended, code, stderr);
      assert.match(stderr, message);
      assert.match(stderr, /\nworker 0 was stopped\n$/);
    });
  }

  test("a syntax error shows its line once, though all workers have it", async (t) => {
    const script = await scriptOf(t, "const x: number = 1;\nconst = 2;\n", "broken.ts");
    const { code, stderr } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 1);
    assert.equal(stderr.match(/broken\.ts:2:6/g)?.length, 1, stderr);
    assert.match(stderr, /\n(worker \d failed in the same way|worker \d was stopped)\n$/);
  });

  test("alone: Node's own words stand, and one line of ours", async (t) => {
    const script = await scriptOf(t, "throw new RangeError('alone');");
    const { code, stderr } = await launch({ script });
    assert.equal(code, 1);
    assert.equal(stderr.match(/RangeError: alone/g)?.length, 1);
    assert.match(stderr, /\nthe worker failed: RangeError, \d+\.\d s after the start\n$/);
  });

  const waits = `import { join, reduce } from "${member}";
    const me = await join();
    me.link.send({ kind: "progress", step: 81 });
    await reduce(me);
    const began = performance.timeOrigin + performance.now();
    `;

  test("is the culprit, however the others die of it", { timeout: 600_000 }, async (t) => {
    const others = {
      uncaught: "await reduce(me);",
      caught: "try { await reduce(me); } catch (error) { console.error(String(error)); process.exit(7); }",
      wrapped: "try { await reduce(me); } catch (cause) { throw new Error('training failed', { cause }); }",
    };
    const causes = {
      throws: ["throw new SyntaxError('root');", /worker 1 of 3 failed first: SyntaxError, [\d.]+ s after the start, in step 81/, 1],
      exits: ["process.exit(5);", /worker 1 of 3 failed first: exit code 5/, 5],
      dies: ["process.kill(process.pid, 'SIGKILL');", /worker 1 of 3 failed first: it was killed by SIGKILL/, 137],
    } as const;
    for (const [other, wait] of Object.entries(others)) {
      for (const [cause, [how, message, code]] of Object.entries(causes)) {
        const script = await scriptOf(t, `${waits} ${at(1, how)} ${wait}`);
        const run = async (): Promise<string> => {
          const { code: ended, stderr } = await launch({ options: ["-n", "3"], script });
          assert.equal(ended, code, `${other}, ${cause}: ${stderr}`);
          assert.match(stderr, message, `${other}, ${cause}`);
          assert.match(stderr, /workers 0 and 2 were stopped/, `${other}, ${cause}`);
          return stderr;
        };
        let stderr = await run();
        // Said where they have a moment to say it before the launcher ends them, which they may lack on a machine that is busy elsewhere.
        const waited = /; they waited for it in all-reduce [12] \(float32 \[1000\]\)/;
        for (let tries = 1; other === "uncaught" && tries < 4 && !waited.test(stderr); tries++) stderr = await run();
        if (other === "uncaught") assert.match(stderr, waited, `${other}, ${cause}: ${stderr}`);
      }
    }
  });

  test("is named within half a second", async (t) => {
    const script = await scriptOf(t, `${waits} ${at(1, "console.log('failing at', Date.now()); throw new Error('now');")} await reduce(me);`);
    await promisedBest(500, 5, async () => {
      const { child, done, output } = startLaunch({ options: ["-n", "2"], script });
      let seen = 0;
      child.stderr?.on("data", () => {
        if (seen === 0 && output().includes("failed first")) seen = Date.now();
      });
      await done;
      assert.ok(seen > 0, output());
      return seen - Number(output().match(/failing at (\d+)/)?.[1]);
    });
  });

  test("takes along what it has started, and workers that do not listen", async (t) => {
    const script = await scriptOf(
      t,
      `import { spawn } from "node:child_process";
      import { existsSync, writeFileSync } from "node:fs";
      const helper = spawn("sleep", ["300"], { stdio: "inherit" });
      process.on("SIGTERM", () => {});
      console.log("pid", process.pid); console.log("pid", helper.pid);
      ${at(1, "writeFileSync(new URL('there', import.meta.url), '');")}
      ${at(0, "while (!existsSync(new URL('there', import.meta.url))) await new Promise((resolve) => setTimeout(resolve, 10)); throw new Error('enough');")}${idle}`,
    );
    const { code, stdout, ms } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 1);
    assert.equal(pidsIn(stdout).length, 4);
    const ended = performance.now();
    assert.ok(await becomes(() => !pidsIn(stdout).some(isRunning)));
    promised(performance.now() - ended, 1000);
    promised(ms, 10_000);
  });

  test("ends early with exit code 0: the one that waits for it is shown, and names it", async (t) => {
    const script = await scriptOf(t, `${waits} if (me.rank === 0) await reduce(me); else await me.world.close();`);
    const { code, stderr } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 1);
    assert.match(stderr, /worker 0 of 2 could not go on without worker 1: CollectiveError/);
  });
});

test("what a worker wrote last comes before the report", async (t) => {
  const script = await scriptOf(t, `${at(1, "for (let i = 0; i < 3000; i++) console.error('row', i); throw new Error('end');")}${idle}`);
  const { stderr } = await launch({ options: ["-n", "2"], script });
  assert.equal(linesOf(stderr, 1).length, 3000);
  assert.ok(stderr.indexOf("[1] row 2999\n") < stderr.indexOf("worker 1 of 2 failed first"));
});
