// A worker that keeps the others waiting: it is named once, with the place where it is.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { suite, test } from "node:test";
import { launch } from "../support/launch.js";
import { member, scriptOf } from "./support.js";

const script = (late: string): string => `import { join, reduce } from "${member}";
interface Image { readonly size: number }
const me = await join();
me.link.send({ kind: "progress", step: 82 });
function readImage(image: Image, until = Date.now() + 4000): void {
  while (Date.now() < until) {
    Math.sqrt(image.size);
  }
}
if (me.rank === 1) { ${late} }
await reduce(me, 4096);
console.log("went on");
await me.world.close();
`;

suite("a worker that does not come", { concurrency: true }, () => {
  for (const [name, late, message] of [
    [
      "in its own loop",
      "readImage({ size: 4 });",
      /it is in step 82, in user code, last seen at\n {8}at readImage \(train\.ts:(5|6|7):\d+\)\n {8}at top level \(train\.ts:10:\d+\)\n/,
    ],
    ["in a native call", "(await import('node:child_process')).spawnSync('sleep', ['4']);", /it is in step 82, in a native call/],
    [
      "waiting for something else",
      "await new Promise((resolve) => setTimeout(resolve, 4000));",
      /it is in step 82, waiting for something outside JavaScript \(Timeout\)/,
    ],
  ] as const) {
    test(name, async (t) => {
      const file = await scriptOf(t, script(late), "train.ts");
      const { code, stdout, stderr } = await launch({ options: ["-n", "3", "--watchdog", "1"], script: file, cwd: dirname(file) });
      assert.equal(code, 0, stderr);
      assert.equal(stdout.match(/went on/g)?.length, 3);
      assert.equal(stderr.match(/no progress/g)?.length, 1, stderr);
      assert.match(stderr, /no progress for 1 s: workers 0 and 2 wait in all-reduce 1 \(float32 \[4096\]\)[^\n]*; worker 1 has not come: /);
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
    const late =
      "(await import('node:child_process')).spawnSync('sleep', ['5']); await new Promise((resolve) => setTimeout(resolve, 1000)); console.log('open:', listening());";
    const file = await scriptOf(t, ports + script(late), "train.ts");
    const { stdout, stderr } = await launch({ options: ["-n", "2", "--watchdog", "1"], script: file });
    assert.match(stderr, /in a native call/);
    assert.match(stdout, /open: 0\n/, stderr);
  });
});
