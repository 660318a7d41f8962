// Settings from files, variables and flags on their way into a launch and its programs.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { withConfigured } from "../../src/accelerator/configured.js";
import { configuredProgram } from "../../src/config.js";
import { placeOf } from "./settings-place.js";

suite("a launch with settings from elsewhere", () => {
  test("--dry-run starts nothing, and prints a command that is the same without them", async (t) => {
    const { call, folder } = await placeOf(t, {
      "train.mjs": "console.log('ran');",
      "accelerate.config.mjs": "export const config = { numProcesses: 2, numThreadsPerProcess: 1, logDir: 'my logs', cpu: true };",
    });
    const { status, stdout, stderr } = call("launch --no-cpu --dry-run train.mjs --epochs 3 $HOME", { ACCELERATE_DEBUG_MODE: "yes" });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^accelerate-ts \S+ {3}2 workers on cpu, 1 thread each/);
    assert.match(stdout, /^debug +true +ACCELERATE_DEBUG_MODE$/m);
    const command = "accelerate-ts launch --num-processes 2 --num-threads-per-process 1 --no-cpu --debug --log-dir 'my logs' train.mjs --epochs 3 '$HOME'";
    assert.equal(stdout.trimEnd().split("\n").at(-1), command);
    assert.ok(!existsSync(join(folder, "my logs")));
  });

  test("starts as many workers as the file says, and hands programs their settings", async (t) => {
    const { call } = await placeOf(t, {
      "train.mjs":
        "const { RANK, ACCELERATE_TS_GRADIENT_ACCUMULATION_STEPS: steps, ACCELERATE_TS_DEBUG_MODE: debug, ACCELERATE_TS_USE_CPU: cpu } = process.env;\nconsole.log(RANK, steps, debug, cpu);",
      "cache/accelerate-ts/default_config.yaml": "num_processes: 2\ngradient_accumulation_steps: 4\nuse_cpu: false\n",
    });
    const { status, stdout, stderr } = call("launch -q --no-debug train.mjs", { ACCELERATE_DEBUG_MODE: "1" });
    assert.deepEqual([status, stderr], [0, ""]);
    // A default that a file repeats is not handed on.
    assert.deepEqual(stdout.trimEnd().split("\n").sort(), ["[0] 0 4 0 undefined", "[1] 1 4 0 undefined"]);
  });

  test("names the place of what contradicts the command line", async (t) => {
    const { call } = await placeOf(t, {
      "train.mjs": "",
      "accelerate.config.mjs": "export const config = { numProcesses: 3 };",
      "two.yaml": "\nnum_machines: 2\n",
    });
    const { status, stderr } = call("launch --num-local-processes 2 train.mjs");
    assert.deepEqual([status, stderr], [2, "--num-local-processes 2 and numProcesses 3 (accelerate.config.mjs) contradict each other: leave one out\n"]);
    assert.match(call("launch --config-file two.yaml train.mjs").stderr, /^num_machines 2 \(two\.yaml:2\) also needs:\n {2}--machine-rank R/);
    assert.match(call("launch --rdzv_backend c10d train.mjs").stderr, /^no option --rdzv_backend here: machine 0 is the meeting point/);
    assert.match(
      call("launch train.mjs", { ACCELERATE_TS_NUM_THREADS: "many" }).stderr,
      /^ACCELERATE_TS_NUM_THREADS is "many": not a whole number from 1 to 1024\n$/,
    );
  });

  test("takes one accelerate.config of a folder, not two", async (t) => {
    const { call } = await placeOf(t, { "accelerate.config.ts": "", "accelerate.config.js": "" });
    assert.match(call("config show").stderr, /^accelerate\.config\.ts and accelerate\.config\.js: one folder takes one of them/);
  });
});

suite("settings of programs", () => {
  test("reach an Accelerator through the launcher; what the program itself says counts, and the main process tells it once", async (t) => {
    const library = new URL("../../src/index.js", import.meta.url).href;
    const { call } = await placeOf(t, {
      "train.mjs": `import { Accelerator } from "${library}";
const own = JSON.parse(process.argv[2]);
await using accelerator = new Accelerator(own);
accelerator.print("steps", accelerator.gradientAccumulationSteps);
await accelerator.gatherObject([1]);`,
      "accelerate.config.ts": "export const config = { numProcesses: 2, gradientAccumulationSteps: 4, quiet: true };",
    });
    assert.deepEqual(call("launch train.mjs {}"), { status: 0, stdout: "[0] steps 4\n", stderr: "" });
    const told = "[0] gradientAccumulationSteps is 2 in the program and 4 by the launcher (ACCELERATE_TS_GRADIENT_ACCUMULATION_STEPS): the program's counts\n";
    assert.deepEqual(call('launch train.mjs {"gradientAccumulationSteps":2}'), { status: 0, stdout: "[0] steps 2\n", stderr: told });
    const slow = call("launch --num-processes 1 --cpu --mixed-precision fp16 train.mjs {}");
    assert.equal(slow.status, 0);
    assert.match(slow.stderr, /mixedPrecision fp16: processors multiply matrices of float16 no faster than of float32/);
  });

  test("come from ACCELERATE_TS_ variables, then from those of Accelerate", () => {
    assert.deepEqual(configuredProgram({}), {});
    const python = { ACCELERATE_MIXED_PRECISION: "bf16", ACCELERATE_GRADIENT_ACCUMULATION_STEPS: "4", ACCELERATE_DEBUG_MODE: "true", ACCELERATE_USE_CPU: "1" };
    assert.deepEqual(configuredProgram(python), { mixedPrecision: "bf16", gradientAccumulationSteps: 4, debug: true, cpu: true });
    assert.deepEqual(configuredProgram({ ...python, ACCELERATE_TS_DEBUG_MODE: "0", ACCELERATE_TS_MIXED_PRECISION: "no" }).debug, false);
    assert.throws(() => configuredProgram({ ACCELERATE_USE_CPU: "perhaps" }), {
      code: "ERR_ARGUMENT",
      message: 'ACCELERATE_USE_CPU is "perhaps": set true or false, or unset it',
    });
  });

  test("hold where the program says nothing; a program that says otherwise counts, and it is told", () => {
    const configured = { gradientAccumulationSteps: 4, debug: true };
    assert.deepEqual(withConfigured({ seed: 1 }, configured), { options: { seed: 1, gradientAccumulationSteps: 4, debug: true }, overruled: [] });
    const { options, overruled } = withConfigured({ gradientAccumulationSteps: 2, debug: true }, configured);
    assert.equal(options.gradientAccumulationSteps, 2);
    assert.deepEqual(overruled, [
      "gradientAccumulationSteps is 2 in the program and 4 by the launcher (ACCELERATE_TS_GRADIENT_ACCUMULATION_STEPS): the program's counts",
    ]);
  });
});
