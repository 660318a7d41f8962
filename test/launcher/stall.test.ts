// A worker that keeps the others waiting: it is named once, with the place where it is. It comes when that has been said.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { type Launched, startLaunch } from "../support/launch.js";
import { becomes } from "../support/timing.js";
import { member, pidsIn, scriptOf } from "./support.js";

const script = (late: string): string => `import { join, reduce } from "${member}";
import { existsSync } from "node:fs";
interface Image { readonly size: number }
const me = await join();
me.link.send({ kind: "progress", step: 82 });
function readImage(image: Image): void {
  while (!existsSync("said")) {
    for (let i = 0; i < 1e6; i++) Math.sqrt(image.size);
  }
}
await reduce(me); // so that all begin to wait at the same time
if (me.rank === 1) { ${late} }
await reduce(me, 4096);
console.log("went on");
await me.world.close();
`;
const asleep = "(await import('node:child_process')).spawnSync('sh', ['-c', 'while [ ! -e said ]; do sleep 0.05; done']);";

/** The launch of a script that goes on once the launcher has said what it says. */
async function until(t: TestContext, source: string, workers: number, words: RegExp): Promise<Launched> {
  const file = await scriptOf(t, source, "train.ts");
  const cwd = dirname(file);
  const { child, done, output } = startLaunch({ options: ["-n", String(workers), "--watchdog", "1"], script: file, cwd });
  assert.ok(await becomes(() => words.test(output()) || child.exitCode !== null), output());
  writeFileSync(join(cwd, "said"), "");
  for (const pid of pidsIn(output())) process.kill(pid, "SIGUSR2");
  return done;
}

suite("a worker that does not come", { concurrency: 2 }, () => {
  for (const [name, late, message] of [
    [
      "in its own loop",
      "readImage({ size: 4 });",
      /it is in step 82, in user code, last seen at\n {8}at readImage \(train\.ts:(6|7|8):\d+\)\n {8}at top level \(train\.ts:12:\d+\)\n/,
    ],
    ["in a native call", asleep, /it is in step 82, in a native call/],
    [
      "waiting for something else",
      // Runs no JavaScript until it is told: a debugger's pause comes to the next line that runs.
      "await new Promise((resolve) => { const timer = setTimeout(resolve, 600_000); process.once('SIGUSR2', () => resolve(clearTimeout(timer))); console.log('pid', process.pid); });",
      /it is in step 82, waiting for something outside JavaScript \(Timeout\)/,
    ],
  ] as const) {
    test(name, async (t) => {
      const { code, stdout, stderr } = await until(t, script(late), 3, /wait longer with/);
      assert.equal(code, 0, stderr);
      assert.equal(stdout.match(/went on/g)?.length, 3);
      assert.equal(stderr.match(/no progress/g)?.length, 1, stderr);
      assert.match(stderr, /no progress for [\d.]+ s: workers 0 and 2 wait in all-reduce 2 \(float32 \[4096\]\)[^\n]*; worker 1 has not come: /);
      assert.match(stderr, message);
      assert.match(stderr, /\nstop with Ctrl-C, wait longer with --watchdog 10\n$/);
      assert.doesNotMatch(stderr, /Debugger/);
    });
  }

  test("opens no port but while it is asked", async (t) => {
    const ports = `import { readFileSync } from "node:fs";
      const { readdirSync, readlinkSync } = await import("node:fs");
      const listening = () => {
        const mine = new Set(readdirSync("/proc/self/fd").map((fd) => { try { return readlinkSync("/proc/self/fd/" + fd).match(/socket:\\[(\\d+)\\]/)?.[1]; } catch { return undefined; } }));
        return readFileSync("/proc/self/net/tcp", "utf8").split("\\n").map((line) => line.trim().split(/\\s+/)).filter((row) => row[3] === "0A" && mine.has(row[9])).length;
      };
      `;
    // The port that was asked for in the native call opens when that is over, and is closed then.
    const late = `${asleep} let open = 1; for (let i = 0; i < 600 && (open > 0 || i < 20); i++) { await new Promise((resolve) => setTimeout(resolve, 50)); open = listening(); } console.log('open:', open);`;
    const { stdout, stderr } = await until(t, ports + script(late), 2, /in a native call/);
    assert.match(stderr, /in a native call/);
    assert.match(stdout, /open: 0\n/, stderr);
  });
});
