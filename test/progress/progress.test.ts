// Progress bars: the line at any width, when lines are drawn, and the public function in a real process.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Bar, IteratingBar } from "../../src/progress/bar.js";
import { clockText, numberText, progressLine } from "../../src/progress/line.js";
import { createProgress, progress } from "../../src/progress.js";

/** A terminal that keeps what it is shown, with a clock that is set by hand. */
function screen(options: { isTTY?: boolean; columns?: number; color?: boolean } = {}) {
  const shown: string[] = [];
  const clock = { ms: 0 };
  return {
    shown,
    clock,
    isTTY: options.isTTY ?? true,
    columns: options.columns ?? 100,
    color: options.color ?? false,
    write: (text: string) => void shown.push(text),
    now: () => clock.ms,
  };
}
const state = {
  description: "epoch 1/3",
  n: 188,
  total: 303,
  rate: 512,
  unit: "samples",
  postfix: [
    ["loss", 0.0841],
    ["lr", 3.2e-4],
  ] as const,
  elapsedSeconds: 6,
  secondsLeft: 4,
};

test("the line tells share, steps, rate, values and time left", () => {
  assert.equal(progressLine(state, 120, false), "epoch 1/3 ━━━━━━━━━━━━━━━━────────── 62%  188/303  512 samples/s  loss 0.0841  lr 3.2e-4  0:04 left");
  assert.equal(progressLine({ ...state, total: undefined, secondsLeft: undefined }, 120, false), "epoch 1/3 188  512 samples/s  loss 0.0841  lr 3.2e-4  0:06");
  assert.ok(progressLine(state, 120, true).includes("\u001b["));
});

test("the line fits any width", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat({ max: 400 }), (columns, n) => {
      assert.ok([...progressLine({ ...state, n }, columns, false)].length <= columns);
    }),
  );
});

test("numbers and times are short", () => {
  assert.deepEqual([0.0841, 12.3456, 3.2e-4, 1200, 0, -0.5, 1e7].map(numberText), ["0.0841", "12.346", "3.2e-4", "1200", "0", "-0.5000", "10000000"]);
  assert.deepEqual([4, 75, 3700].map(clockText), ["0:04", "1:15", "1:01:40"]);
});

test("on a TTY one line moves, at most ten times a second, and ends at the last step", () => {
  const terminal = screen();
  const bar = new Bar(terminal, 1000, { description: "train", closesItself: true });
  for (let i = 0; i < 1000; i++) {
    terminal.clock.ms += 10;
    bar.update();
  }
  assert.ok(terminal.shown.length <= 101, `${terminal.shown.length} lines`);
  assert.ok(terminal.shown.slice(0, -1).every((text) => text.startsWith("\r") && !text.includes("\n")));
  assert.equal(terminal.shown.at(-1), `\rtrain ${"━".repeat(26)} 100%  1000/1000  100 steps/s  0:10\x1b[K\n`);
  bar.update();
  bar.close();
  assert.equal(terminal.shown.filter((text) => text.endsWith("\n")).length, 1);
});

test("without a TTY there is a plain line every five seconds and one at the end", () => {
  const terminal = screen({ isTTY: false });
  const bar = new Bar(terminal, 100, { unit: "samples", unitScale: 8 });
  for (let i = 0; i < 12; i++) {
    terminal.clock.ms += 1000;
    bar.update();
    bar.setPostfix({ loss: 0.5 });
  }
  bar.close();
  assert.deepEqual(
    terminal.shown.map((text) => text.replace(/[━╸─]+ /, "")),
    [
      "5%  5/100  8.0 samples/s  loss 0.5000  1:35 left\n",
      "10%  10/100  8.0 samples/s  loss 0.5000  1:30 left\n",
      "12%  12/100  8.0 samples/s  loss 0.5000  0:12\n",
    ],
  );
});

test("a delayed bar that is closed early shows nothing, nor does one that is not enabled", () => {
  const terminal = screen();
  const bar = new Bar(terminal, 10, { delay: 1000 });
  terminal.clock.ms = 900;
  bar.update(10);
  bar.close();
  const off = new Bar(terminal, 10, { enabled: false });
  off.update(5);
  off.close();
  assert.deepEqual(terminal.shown, []);
});

test("over items it counts those given out, and closes however the loop ends", async () => {
  const terminal = screen({ isTTY: false });
  const items = Object.assign(["a", "b", "c"], { batchSize: 4 });
  const seen: [string, number][] = [];
  const bar = new IteratingBar(terminal, items, { description: "eval" });
  for await (const item of bar) {
    terminal.clock.ms += 1000;
    seen.push([item, bar.n]);
    if (item === "b") break;
  }
  assert.deepEqual(seen, [
    ["a", 1],
    ["b", 2],
  ]);
  assert.equal(bar.total, 3);
  assert.match(terminal.shown.join(""), /^eval .* 66% {2}2\/3 {2}4\.0 samples\/s {2}0:02\n$/);
});

test("what cannot be counted is refused", () => {
  assert.throws(() => progress(Number.NaN), { code: "ERR_PROGRESS" });
  assert.throws(() => progress("10" as never), { code: "ERR_PROGRESS" });
});

test("a process draws on stderr only and ends by itself", () => {
  const url = new URL("../../src/progress.js", import.meta.url).href;
  const script = `import { progress } from ${JSON.stringify(url)}; const bar = progress(3, { description: "steps" }); for (let i = 0; i < 3; i++) bar.update(); console.log(bar.n);`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.deepEqual({ stdout, status }, { stdout: "3\n", status: 0 });
  assert.match(stderr, /^steps ━+ 100% {2}3\/3 .*\n$/);
  assert.ok(!stderr.includes("\u001b"));
});

test("wide letters fill two columns, and what would break the line does not", () => {
  const line = (description: string, columns: number) => progressLine({ ...state, description, postfix: [["name", "a\nb"]] }, columns, false);
  const width = (text: string) => [...text].reduce((sum, c) => sum + (/[가-힣日本語👍]/u.test(c) ? 2 : 1), 0);
  for (let columns = 2; columns < 100; columns++)
    for (const text of ["영화 리뷰", "日本語👍", "a\r\nb"]) assert.ok(width(line(text, columns)) <= columns, `${text} in ${columns}`);
  assert.doesNotMatch(line("a\r\nb", 90), /[\r\n]/);
  assert.match(line("日本語", 90), /^日本語 ━/);
});

test("an update by no number is refused instead of spoiling the count", () => {
  const bar = new Bar(screen(), 3, {});
  assert.throws(() => bar.update(Number.NaN), { code: "ERR_PROGRESS" });
  assert.equal(bar.n, 0);
});

test("a terminal that says it has no columns gets a whole line", () => {
  const module = new URL("../../src/progress.js", import.meta.url).href;
  const program = `Object.assign(process.stderr, { isTTY: true, columns: 0 }); const { progress } = await import(${JSON.stringify(module)}); progress(2).update(2);`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", env: { ...process.env, COLUMNS: "" } });
  assert.match(stderr, /100% {2}2\/2/);
});

test("of a job's processes one draws, and the rate over a loader is that of all", async () => {
  const terminal = screen({ isTTY: false });
  const loader = Object.assign(["a", "b"], { batchSize: 4 });
  for await (const _ of new IteratingBar(terminal, loader, {}, 3)) terminal.clock.ms += 1000;
  assert.match(terminal.shown.join(""), /2\/2 {2}12\.0 samples\/s/);

  const url = new URL("../../src/progress.js", import.meta.url).href;
  const script = `import { createProgress } from ${JSON.stringify(url)}; const progress = createProgress({ enabled: process.argv[1] === "0" });
    const bar = progress(2); bar.update(2); for await (const _ of progress(["x"])); progress(1, { enabled: false }).update(); console.log(bar.n);`;
  const run = (rank: string) => spawnSync(process.execPath, ["--input-type=module", "-e", script, rank], { encoding: "utf8" });
  assert.equal(run("0").stderr.trim().split("\n").length, 2);
  assert.deepEqual([run("1").stderr, run("1").stdout], ["", "2\n"]);
  assert.throws(() => createProgress({ enabled: false })(Number.NaN), { code: "ERR_PROGRESS" });
});

test("a loader that does not know its batch size is counted in steps", async () => {
  const terminal = screen({ isTTY: false });
  for await (const _ of new IteratingBar(terminal, Object.assign(["a", "b"], { batchSize: Number.NaN }), {})) terminal.clock.ms += 1000;
  assert.match(terminal.shown.join(""), /2\/2 {2}1\.0 steps\/s/);
});

test("the library's own bars are drawn by the first of a launched job's workers, and by a process whose variables are odd", () => {
  const url = new URL("../../src/progress/delayed.js", import.meta.url).href;
  const script = `import { delayedProgress } from ${JSON.stringify(url)}; const bar = delayedProgress(2, "map", false); bar.update(2); bar.close();`;
  const drawn = (env: Readonly<Record<string, string>>) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env: { ...process.env, ...env } }).stderr.includes("2/2");
  const worker = { WORLD_SIZE: "2", LOCAL_WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" };
  assert.deepEqual([drawn({}), drawn({ ...worker, RANK: "0", LOCAL_RANK: "0" }), drawn({ ...worker, RANK: "1", LOCAL_RANK: "1" })], [true, true, false]);
  assert.equal(drawn({ RANK: "1" }), true);
});

test("a worker whose launcher has a terminal draws for it, in the columns that are left", () => {
  const url = new URL("../../src/progress.js", import.meta.url).href;
  const script = `import { progress } from ${JSON.stringify(url)}; progress(2, { description: "a long description of what is done" }).update(2);`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, ACCELERATE_TS_TERMINAL: "30", NO_COLOR: "1" },
  });
  const [start, end] = ["\r", "\u001b[K\n"];
  assert.ok(stderr.startsWith(start) && stderr.endsWith(end), stderr);
  assert.ok([...stderr.slice(start.length, -end.length)].length <= 29, stderr);
});
