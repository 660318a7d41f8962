import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { EnvironmentReport } from "../../launcher/environment.js";
import { packageRoot } from "../../src/package-root.js";
import { promisedBest } from "../support/timing.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string; dependencies: Record<string, string> };

const call = (args: readonly string[], env: Record<string, string> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: "utf8", env: { ...process.env, ...env } });
  return { status, stdout, stderr };
};

suite("accelerate-ts", () => {
  test("--version prints the package's version and nothing else", () => {
    assert.deepEqual(call(["--version"]), { status: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });

  test("--help names every command and shows examples, on stdout", () => {
    const { status, stdout, stderr } = call(["--help"]);
    assert.deepEqual([status, stderr], [0, ""]);
    for (const text of ["launch", "config", "completion", "build-native", "env", "Examples:", "accelerate-ts env"]) assert.ok(stdout.includes(text), text);
    const command = call(["build-native", "--help"]);
    assert.equal(command.status, 0);
    assert.match(command.stdout, /--sanitize <kind>[\s\S]*address[\s\S]*Examples:/);
  });

  test("help keeps within 80 columns where there is no terminal, but for examples of one line, and takes as many as COLUMNS says", () => {
    for (const command of ["", "launch", "config", "config show", "env", "test", "estimate-memory", "merge-weights", "completion", "build-native"]) {
      const { stdout } = call([...command.split(" "), "--help"].filter(Boolean), { COLUMNS: "" });
      for (const line of stdout.split("\n")) assert.ok(line.length <= 80 || line.startsWith("  accelerate-ts "), line);
    }
    assert.match(call(["--help"], { COLUMNS: "200" }).stdout, /^ {2}accelerate-ts env +# for a bug report$/m);
    assert.match(call(["--help"], { COLUMNS: "80" }).stdout, /^ {2}# for a bug report\n {2}accelerate-ts env$/m);
  });

  test("a reader that goes away is no failure", () => {
    const { stderr } = spawnSync("sh", ["-c", `"${process.execPath}" "${cli}" launch --help | head -n 1`], { encoding: "utf8" });
    assert.equal(stderr, "");
  });

  test("--help is there within a quarter of a second", () =>
    promisedBest(250, 10, () => {
      const before = performance.now();
      assert.equal(call(["--help"]).status, 0);
      return performance.now() - before;
    }));

  test("called with nothing, or wrongly, it says so on stderr and ends with 2", () => {
    for (const [args, message] of [
      [[], /Usage: accelerate-ts/],
      [["evn"], /^unknown command evn \(did you mean env\?\)\n$/],
      [["env", "--jsno"], /^unknown option --jsno \(did you mean --json\?\)\n$/],
      [["--verison"], /^unknown option --verison \(did you mean --version\?\)\n$/],
      [["config", "--num-processes", "3", "show"], /^--num-processes stands before show and would not count: put it after show\n$/],
      [["env", "now"], /^too many arguments for env/],
      [["build-native", "--sanitize", "dirt"], /dirt is invalid\. Allowed choices are address, thread, undefined/],
    ] as const) {
      const { status, stdout, stderr } = call(args);
      assert.equal(status, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, message);
    }
  });

  test("env --json is one object with versions, processor, memory and no problems", () => {
    const { status, stdout, stderr } = call(["env", "--json"]);
    assert.deepEqual([status, stderr], [0, ""]);
    const report = JSON.parse(stdout) as EnvironmentReport;
    assert.equal(report.accelerateTs, manifest.version);
    assert.equal(report.node, process.version);
    assert.equal(report.onnxruntime.version, manifest.dependencies["onnxruntime-node"]);
    assert.deepEqual(report.problems, []);
    assert.ok(report.native.loads && report.cpu.cores.usable >= 1 && report.cpu.cores.usable <= report.cpu.cores.machine);
    assert.equal(typeof report.gloo.loads, "boolean");
    assert.ok(report.memory.usable > 0 && report.memory.usable <= report.memory.machine);
  });

  test("env is plain text without colour where there is no terminal", () => {
    const { status, stdout } = call(["env"]);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^accelerate-ts +${manifest.version.replaceAll(".", "\\.")}\n`));
    for (const name of ["node", "onnxruntime", "native addon", "gloo", "onednn", "cpu", "cores", "memory", "/dev/shm"])
      assert.match(stdout, new RegExp(`^${name} `, "m"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour
    assert.doesNotMatch(stdout, /\x1b/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape of a colour
    assert.match(call(["env"], { FORCE_COLOR: "1", NO_COLOR: "" }).stdout, /^\x1b\[1maccelerate-ts/);
    const uncoloured: readonly Record<string, string>[] = [{ FORCE_COLOR: "1", NO_COLOR: "1" }, { FORCE_COLOR: "0" }];
    for (const env of uncoloured) assert.ok(!call(["env"], env).stdout.includes("\x1b"));
  });

  test("env names what is missing and the command that mends it", () => {
    const { status, stdout } = call(["env"], { ACCELERATE_TS_NATIVE: "/nowhere/addon.node" });
    assert.equal(status, 0);
    assert.match(stdout, /missing: the native addon is not built \(no \/nowhere\/addon\.node\)\n +run: npx accelerate-ts build-native/);
    const report = JSON.parse(call(["env", "--json"], { ACCELERATE_TS_NUM_THREADS: "many" }).stdout) as EnvironmentReport;
    assert.match(report.problems[0]?.what ?? "", /ACCELERATE_TS_NUM_THREADS is "many"/);
  });

  test("build-native does nothing when nothing has changed, and without a compiler says what to install", () => {
    const again = call(["build-native"]);
    assert.equal(again.status, 0);
    assert.match(again.stdout, /is up to date/);
    const empty = mkdtempSync(join(tmpdir(), "accelerate-ts-"));
    try {
      const without = call(["build-native"], { PATH: empty, CXX: "" });
      assert.equal(without.status, 1);
      assert.match(without.stderr, /no C\+\+ compiler found \(tried c\+\+, g\+\+, clang\+\+\): install one: .*apt-get install g\+\+|xcode-select/);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});
