// Real launches that go well: scripts of every kind, arguments, variables, output.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { coreNumbers } from "../../launcher/launch/cores.js";
import { packageVersion } from "../../launcher/version.js";
import { usableCores } from "../../src/runtime/host.js";
import { folderOf } from "../data/files.js";
import { launch } from "../support/launch.js";
import { promisedBest } from "../support/timing.js";
import { linesOf, member, scriptOf } from "./support.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const version = packageVersion();

suite("launch", () => {
  test("one worker writes as the script would alone, and has the world for itself", async (t) => {
    const script = await scriptOf(
      t,
      "console.log(process.env.RANK, process.env.WORLD_SIZE, process.env.LOCAL_RANK, process.env.LOCAL_WORLD_SIZE); console.error('told');",
    );
    const { code, stdout, stderr } = await launch({ script });
    assert.deepEqual([code, stdout], [0, "0 1 0 1\n"]);
    assert.match(stderr, new RegExp(`^accelerate-ts ${version.replaceAll(".", "\\.")}   1 worker on cpu, \\d+ threads?\\ntold\\n$`));
  });

  test(".ts, .mts, .js and .mjs run, with await using and the lines of the source", async (t) => {
    const typed = `
import { kind } from "./lib.js";
enum Level { low = 1 }
await using held = { [Symbol.asyncDispose]: async (): Promise<void> => console.log("disposed") } satisfies AsyncDisposable;
console.log(kind("ts"), Level.low, new Error("x").stack?.match(/(\\w+\\.m?ts):(\\d+)/)?.slice(1).join(" "));
`;
    const folder = await folderOf(t, {
      "package.json": '{ "type": "module" }',
      "lib.ts": "interface Unused { x: number }\nexport const kind = (of: string): string => ['kind', of].join(' ');\n",
      "a.ts": typed,
      "b.mts": typed,
      "c.js": "console.log('plain', import.meta.url.slice(-4));",
      "d.mjs": "console.log('plain', import.meta.url.slice(-5));",
    });
    for (const [file, wanted] of [
      ["a.ts", "kind ts 1 a.ts 5\ndisposed\n"],
      ["b.mts", "kind ts 1 b.mts 5\ndisposed\n"],
      ["c.js", "plain c.js\n"],
      ["d.mjs", "plain d.mjs\n"],
    ] as const) {
      const { code, stdout, stderr } = await launch({ script: join(folder, file) });
      assert.deepEqual([file, code, stdout], [file, 0, wanted], stderr);
    }
  });

  test("a module of the script's own runs in Piscina threads, in TypeScript", async (t) => {
    const data = new URL("../../src/data/index.js", import.meta.url).href;
    const folder = await folderOf(t, {
      "package.json": '{ "type": "module" }',
      "double.ts": "export const double = ({ x }: { x: number }): { x: number } => ({ x: 2 * x });",
      "main.ts": `import { Dataset } from "${data}";
const rows = await Dataset.fromRows([{ x: 1 }, { x: 2 }, { x: 3 }]).map({ filename: new URL("./double.ts", import.meta.url), name: "double" }, { numProc: 2 });
console.log(JSON.stringify([rows.at(0), rows.at(2)]));`,
    });
    const { code, stdout, stderr } = await launch({ script: join(folder, "main.ts") });
    assert.deepEqual([code, stdout], [0, '[{"x":2},{"x":6}]\n'], stderr);
  });

  for (const count of [2, 3, 4]) {
    test(`${count} workers know their places and meet`, async (t) => {
      const script = await scriptOf(
        t,
        `import { join } from "${member}";
        const me = await join();
        const all = await me.world.group.allGatherObject([me.rank, process.env.LOCAL_RANK, process.env.GROUP_RANK, process.env.MASTER_ADDR].join());
        console.log(all.join(" "));
        await me.world.close();`,
      );
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(count)], script });
      assert.equal(code, 0, stderr);
      const seen = Array.from({ length: count }, (_, rank) => `${rank},${rank},0,127.0.0.1`).join(" ");
      for (let rank = 0; rank < count; rank++) assert.deepEqual(linesOf(stdout, rank), [seen]);
      assert.match(stderr, new RegExp(`^accelerate-ts \\S+   ${count} workers on cpu, \\d+ threads? each[^\\n]*\\n$`));
    });
  }

  test("underscores are hyphens, and what follows the script is the script's", async (t) => {
    const script = await scriptOf(t, "console.log(process.env.WORLD_SIZE, process.argv.slice(2).join(' '));");
    const { code, stdout } = await launch({ options: ["--num_processes=2", "--cpu"], script, args: ["--num-processes", "7", "--help", "-x", "--", "a b"] });
    assert.equal(code, 0);
    for (const rank of [0, 1]) assert.deepEqual(linesOf(stdout, rank), ["2 --num-processes 7 --help -x -- a b"]);
  });

  test("cores are divided; what the user has set stays", async (t) => {
    const script = await scriptOf(
      t,
      "console.log(['ACCELERATE_TS_NUM_THREADS', 'OMP_NUM_THREADS', 'ACCELERATE_TS_USE_CPU', 'ACCELERATE_TS_WATCHDOG'].map((name) => process.env[name] ?? '-').join());",
    );
    const own = await launch({ options: ["-n", "2", "--cpu", "--watchdog", "7"], script, env: { OMP_NUM_THREADS: "3" } });
    assert.deepEqual(linesOf(own.stdout, 1), ["3,3,1,7"]);
    const given = await launch({
      options: ["-n", "2", "--num-threads-per-process", "2"],
      script,
      env: { OMP_NUM_THREADS: undefined, ACCELERATE_TS_NUM_THREADS: undefined },
    });
    assert.deepEqual(linesOf(given.stdout, 0), ["2,2,-,-"]);
    const crowd = await launch({ options: ["-n", "4", "--num-threads-per-process", "64"], script });
    assert.match(crowd.stderr, /4 workers on cpu, 64 threads each, on \d+ cores?: they take turns/);
  });

  test("workers stay on cores of their own where there are enough", {
    skip: process.platform !== "linux" || usableCores() < 2 || usableCores() !== availableParallelism(),
  }, async (t) => {
    const script = await scriptOf(
      t,
      `import { readFileSync, readdirSync } from "node:fs";
      const lists = readdirSync("/proc/self/task").map((task) => readFileSync("/proc/self/task/" + task + "/status", "utf8").match(/Cpus_allowed_list:\\s*(.*)/)[1]);
      console.log([...new Set(lists)].join(" "));`,
    );
    const { stdout } = await launch({ options: ["-n", "2"], script });
    const [a, b] = [0, 1].map((rank) => coreNumbers(linesOf(stdout, rank)[0] ?? ""));
    assert.ok(a!.length > 0 && b!.length > 0 && a!.every((core) => !b!.includes(core)), stdout);
  });

  test("on a terminal rank 0's line moves, in colours unless NO_COLOR says otherwise", {
    skip: spawnSync("script", ["--version"]).error ? "there is no script command" : false,
  }, async (t) => {
    const script = await scriptOf(
      t,
      `import { Bar } from "${new URL("../../src/progress/bar.js", import.meta.url).href}";
      import { processTerminal } from "${new URL("../../src/progress/terminal.js", import.meta.url).href}";
      const bar = new Bar(processTerminal(), 4, { description: "epoch", closesItself: true, enabled: process.env.RANK === "0" });
      for (let i = 0; i < 4; i++) { await new Promise((resolve) => setTimeout(resolve, 120)); bar.update(1); }`,
    );
    for (const [noColor, prefix] of [
      ["", "\u001b[36m[0]\u001b[39m "],
      ["1", "[0] "],
    ] as const) {
      const { stdout } = spawnSync("script", ["-qec", `${process.execPath} ${cli} launch -n 2 ${script}`, "/dev/null"], {
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: noColor, NODE_TEST_CONTEXT: "" },
        input: "",
      });
      assert.ok(stdout.includes(`\r${prefix}epoch `), JSON.stringify(stdout));
      assert.match(stdout, /50% {2}2\/4/);
      assert.match(stdout, /100% {2}4\/4[^\n]*\r\n$/);
    }
  });

  test("stdin is rank 0's; the others find its end", async (t) => {
    const script = await scriptOf(t, "let text = ''; for await (const part of process.stdin) text += part; console.log(JSON.stringify(text));");
    const child = spawn(process.execPath, [cli, "launch", "-n", "2", script], { stdio: ["pipe", "pipe", "ignore"] });
    child.stdin.end("hello");
    let stdout = "";
    for await (const part of child.stdout) stdout += part;
    assert.deepEqual([linesOf(stdout, 0), linesOf(stdout, 1)], [['"hello"'], ['""']]);
  });

  test("each worker's log file holds both of its streams, and much output arrives whole", async (t) => {
    const script = await scriptOf(
      t,
      `for (let i = 0; i < 20000; i++) console.log("line", i, "x".repeat(40));
      console.error("last of", process.env.RANK);
      process.stdout.write("no end");`,
    );
    const logs = join(dirname(script), "runs", "first");
    const { code, stdout } = await launch({ options: ["-n", "2", "--log-dir", logs], script });
    assert.equal(code, 0);
    for (const rank of [0, 1]) {
      const lines = linesOf(stdout, rank);
      assert.equal(lines.length, 20001);
      assert.equal(lines[19999], `line 19999 ${"x".repeat(40)}`);
      const log = readFileSync(join(logs, `rank-${rank}.log`), "utf8");
      // The streams are pipes of their own: which of their last lines comes first is left open.
      const last = log.split("\n").filter((line) => !line.startsWith("line "));
      assert.deepEqual(last.sort(), ["", `last of ${rank}`, "no end"]);
      assert.equal(log.split("\n").length, 20003);
    }
    assert.ok(!existsSync(join(logs, "rank-2.log")));
  });

  test("a reader that goes away ends the job", async (t) => {
    const script = await scriptOf(t, "setInterval(() => console.log('x'.repeat(1000)), 1);");
    const child = spawn(process.execPath, [cli, "launch", "-n", "2", script], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.once("data", () => child.stdout.destroy());
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 141);
    assert.match(said, /^accelerate-ts .* 2 workers.*\n$/, "no worker is said to have failed");
  });

  test("output that the system does not take is told, and is a failure", { skip: existsSync("/dev/full") ? false : "there is no /dev/full" }, async (t) => {
    const script = await scriptOf(t, "console.log('lost');");
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [cli, "launch", "-n", "2", script], { stdio: ["ignore", full, "pipe"], encoding: "utf8" });
    closeSync(full);
    assert.equal(status, 1);
    assert.match(stderr, /stdout cannot be written \(ENOSPC[^)]*\): what the workers write there is lost/);
  });

  test("two workers that only meet are done within a second", async (t) => {
    const script = await scriptOf(t, `import { join } from "${member}"; const me = await join(); await me.world.group.barrier(); await me.world.close();`);
    await promisedBest(1000, 5, async () => {
      const { code, stderr, ms } = await launch({ options: ["-n", "2"], script });
      assert.equal(code, 0, stderr);
      return ms;
    });
  });
});
