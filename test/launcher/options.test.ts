// Settings: which value counts, what is refused wherever it comes from, and what files may say.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fc } from "../support/properties.js";
import { commands } from "../../launcher/commands/index.js";
import type { ConfigFile } from "../../launcher/options/config-entries.js";
import { camelCase, flagOf, settingOfKey, snakeCase, variablesOf } from "../../launcher/options/names.js";
import { entriesOfYaml } from "../../launcher/options/read-yaml.js";
import { resolveSettings } from "../../launcher/options/resolve.js";
import { settingNames, settingOf } from "../../launcher/options/settings.js";
import { distance, similar } from "../../launcher/options/similar.js";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
const yaml = (text: string, name = "file.yaml"): ConfigFile => ({ name, path: `/${name}`, entries: entriesOfYaml(text, name) });
const valuesOf = (text: string) => resolveSettings({ files: [yaml(text)] }).values;

suite("which value of a setting counts", () => {
  test("flag, then ACCELERATE_TS_ variable, then ACCELERATE_ variable, then the stronger file, then the weaker one", () => {
    const sources = {
      flags: { numProcesses: "5" },
      env: { ACCELERATE_TS_NUM_PROCESSES: "4", ACCELERATE_NUM_PROCESSES: "3" },
      files: [yaml("numProcesses: 2", "accelerate.config.ts"), yaml("\nnum_processes: 1", "default_config.yaml")],
    };
    const { env, files } = sources;
    const one = ({ values, named }: { readonly values: { readonly numProcesses?: number }; readonly named: string }) => [values.numProcesses, named];
    const of = (given: Parameters<typeof resolveSettings>[0]) => {
      const settings = resolveSettings(given);
      return one({ values: settings.values, named: settings.named("numProcesses") });
    };
    assert.deepEqual(of(sources), [5, "--num-processes 5"]);
    assert.deepEqual(of({ env, files }), [4, "ACCELERATE_TS_NUM_PROCESSES=4"]);
    assert.deepEqual(of({ env: { ACCELERATE_NUM_PROCESSES: "3" }, files }), [3, "ACCELERATE_NUM_PROCESSES=3"]);
    assert.deepEqual(of({ env: { ACCELERATE_TS_NUM_PROCESSES: "" }, files }), [2, "numProcesses 2 (accelerate.config.ts:1)"]);
    assert.deepEqual(of({ files: files.slice(1) }), [1, "num_processes 1 (default_config.yaml:2)"]);
    assert.deepEqual(of({}), [undefined, "--num-processes"]);
    assert.deepEqual(
      resolveSettings(sources)
        .given("numProcesses")
        .map(({ value }) => value),
      [5, 4, 3, 2, 1],
    );
  });

  test("a switch can be said no to by a flag, and by a file over a weaker file", () => {
    assert.equal(resolveSettings({ flags: { cpu: false }, env: { ACCELERATE_USE_CPU: "true" } }).values.cpu, false);
    assert.equal(resolveSettings({ files: [yaml("use_cpu: false"), yaml("cpu: true")] }).values.cpu, false);
    for (const text of ["1", "true", "YES", "on"]) assert.equal(resolveSettings({ env: { ACCELERATE_DEBUG_MODE: text } }).values.debug, true, text);
    for (const text of ["0", "False", "no", "off"]) assert.equal(resolveSettings({ env: { ACCELERATE_DEBUG_MODE: text } }).values.debug, false, text);
  });

  test("a value is read the same from a flag, a variable and a file", () => {
    const cases = fc.constantFrom("0", "1", "7", "1.5", "-1", "two", "4096", "4097", "1e3", " 3 ", "true", "no", "bf16", "x");
    fc.assert(
      fc.property(fc.constantFrom(...settingNames), cases, (name, text) => {
        const outcome = (read: () => unknown) => {
          try {
            return { value: read() };
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, "ERR_USAGE");
            return "refused";
          }
        };
        const flag = outcome(() => resolveSettings({ flags: { [name]: text } }).values[name]);
        for (const variable of variablesOf(name))
          assert.deepEqual(
            outcome(() => resolveSettings({ env: { [variable]: text } }).values[name]),
            flag,
          );
        if (settingOf(name).notInFiles) return;
        for (const key of [name, snakeCase(name)])
          assert.deepEqual(
            outcome(() => resolveSettings({ files: [{ name: "f", path: "/f", entries: [{ key, value: text }] }] }).values[name]),
            flag,
          );
      }),
    );
  });

  test("what is wrong is told with its place, all of it at once", () => {
    const text = "num_processes: two\nuse_cpu: perhaps\nmixed_precision: bf61\nwatchdog: -1\n\nlog_dir: {}\n";
    assert.throws(
      () => resolveSettings({ flags: { timeout: "soon" }, env: { ACCELERATE_TS_STOP_GRACE: "0" }, files: [yaml(text)] }),
      (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, "ERR_USAGE");
        assert.deepEqual(
          error.message.split("\n").sort(),
          [
            "--timeout soon: not a number of seconds greater than 0",
            'ACCELERATE_TS_STOP_GRACE is "0": not a number of seconds greater than 0',
            "file.yaml:1: num_processes two: not a whole number from 1 to 4096",
            "file.yaml:2: use_cpu perhaps: not true or false",
            "file.yaml:3: mixed_precision bf61: not one of no, fp16, bf16 (did you mean bf16?)",
            "file.yaml:4: watchdog -1: not a number of seconds greater than 0",
            "file.yaml:6: log_dir {}: not the path of a folder",
          ].sort(),
        );
        return true;
      },
    );
  });
});

suite("files of settings", () => {
  test("take the keys of Python's Accelerate, as its config command writes them", () => {
    const python = `compute_environment: LOCAL_MACHINE
debug: false
distributed_type: MULTI_CPU
downcast_bf16: 'no'
dynamo_config: {}
enable_cpu_affinity: false
gpu_ids: all
machine_rank: 1
main_process_ip: 10.0.0.1
main_process_port: 9999
main_training_function: main
mixed_precision: 'no'
num_machines: 2
num_processes: 8
rdzv_backend: static
same_network: true
tpu_env: []
tpu_use_cluster: false
tpu_use_sudo: false
use_cpu: false
`;
    assert.deepEqual(
      { ...valuesOf(python) },
      {
        debug: false,
        machineRank: 1,
        mainProcessIp: "10.0.0.1",
        mainProcessPort: 9999,
        mixedPrecision: "no",
        numMachines: 2,
        numProcesses: 8,
        cpu: false,
        gpuIds: "all",
      },
    );
    // `accelerate config default` writes JSON into a .yaml file.
    assert.deepEqual({ ...valuesOf('{ "distributed_type": "NO", "num_processes": 1, "use_cpu": true, "gpu_ids": null }') }, { numProcesses: 1, cpu: true });
    assert.deepEqual({ ...valuesOf("distributed_type: NO") }, { numProcesses: 1 });
    assert.deepEqual({ ...valuesOf("distributed_type: MULTI_CPU\nnum_processes: -1") }, { cpu: true });
    assert.deepEqual({ ...valuesOf("distributed_type: MULTI_GPU\ngpu_ids: 0,2") }, { device: "cuda", gpuIds: "0,2" });
    assert.deepEqual({ ...valuesOf("gpu_ids: 1") }, { gpuIds: "1" });
    assert.deepEqual({ ...valuesOf("# nothing yet\n") }, {});
  });

  test("are refused by the name of the key where they mean another engine", () => {
    for (const [text, message] of [
      ["distributed_type: DEEPSPEED", /^file\.yaml:1: distributed_type DEEPSPEED: workers are data-parallel, on NO, MULTI_CPU, MULTI_GPU$/],
      ["deepspeed_config:\n  zero_stage: 3", /^file\.yaml:1: deepspeed_config \{"zero_stage":3\}: DeepSpeed belongs to PyTorch/],
      ["fsdp_config: { fsdp_version: 2 }", /^file\.yaml:1: fsdp_config .*: FSDP belongs to PyTorch/],
      ["debug: true\ntpu_name: pod", /^file\.yaml:2: tpu_name pod: there is nothing for TPUs here$/],
      ["gpu_ids: first", /^file\.yaml:1: gpu_ids first: not numbers or UUIDs of GPUs with commas between them, or all$/],
      ["rdzv_backend: c10d", /rdzv_backend c10d: machine 0 is the meeting point/],
      ["compute_environment: AMAZON_SAGEMAKER", /workers run on machines of your own/],
      ["distributed_type: NO\nnum_processes: 4", /^file\.yaml:2: num_processes 4, but distributed_type NO means one worker/],
    ] as const)
      assert.throws(() => valuesOf(text), { code: "ERR_USAGE", message }, text);
  });

  test("with unknown keys, twice the same setting or no mapping are refused with the line", () => {
    for (const [text, message] of [
      ["num_procesess: 2", /^file\.yaml:1: unknown key num_procesess \(did you mean num_processes\?\)$/],
      ["numProceses: 2", /^file\.yaml:1: unknown key numProceses \(did you mean numProcesses\?\)$/],
      ["a: 1\nconstructor: 2\n__proto__: 3", /^file\.yaml:1: unknown key a\nfile\.yaml:2: unknown key constructor\nfile\.yaml:3: unknown key __proto__$/],
      ["num-processes: 2", /unknown key num-processes \(did you mean num_processes\?\)/],
      ["config_file: other.yaml", /unknown key config_file/],
      ["use_cpu: true\ncpu: true", /^file\.yaml:2: use_cpu and cpu are the same setting/],
      ["debug: true\ndebug: false", /^file\.yaml:2:1: Map keys must be unique/],
      ["- 1\n- 2", /^file\.yaml: no mapping of keys to values/],
      ["num_processes: [", /^file\.yaml:1:17: /],
      ["num_processes: *x", /^file\.yaml:1: Unresolved alias/],
    ] as const)
      assert.throws(() => valuesOf(text), { code: "ERR_USAGE", message }, text);
  });
});

test("any text is settings or a usage error, never another failure", () => {
  const line = fc.oneof(
    fc.constantFrom(
      "num_processes: 2",
      "use_cpu: &a yes",
      "debug: *a",
      "- x",
      "? [a]",
      "{",
      "}",
      "log_dir: |",
      "  x: 1",
      "<<: *a",
      "%YAML 1.2",
      "---",
      "...",
      "!!js x",
      "&b log_dir: *b",
      "1: 2",
      "? ",
      "\t",
    ),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
      try {
        valuesOf(lines.join("\n"));
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, "ERR_USAGE", (error as Error).stack);
      }
    }),
    { numRuns: 500 },
  );
});

test("help loads commander and the tables, and nothing that takes time", () => {
  const watch = `data:text/javascript,${encodeURIComponent(`import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent("export const load = (url, context, next) => { process._rawDebug(url); return next(url, context); };")}");`)}`;
  for (const args of [["--help"], ["launch", "--help"], ["config", "show", "--help"]]) {
    const { stderr, stdout, status } = spawnSync(process.execPath, ["--import", watch, cli, ...args], { encoding: "utf8" });
    assert.deepEqual([status, stdout.startsWith("Usage: accelerate-ts")], [0, true]);
    const loaded = stderr.split("\n").filter((line) => line.startsWith("file:"));
    assert.ok(loaded.length > 0);
    const allowed =
      /\/node_modules\/commander\/|\/launcher\/(cli|program|usage|version)\.js$|\/launcher\/(commands|options)\/|\/src\/(settings|errors|package-root|similar|graph\/passes\/names)\.js$/;
    assert.deepEqual(
      loaded.filter((url) => !allowed.test(url)),
      [],
    );
    assert.ok(!loaded.some((url) => /read-|load-|page|resolve/.test(url)), loaded.join("\n"));
  }
});

suite("names", () => {
  test("one setting has one flag, its variables and its keys, and shares none of them", () => {
    const all = settingNames.flatMap((name) => [flagOf(name), ...variablesOf(name)]);
    assert.equal(new Set(all).size, all.length);
    for (const name of settingNames) {
      assert.equal(camelCase(flagOf(name).slice(2)), name);
      if (!settingOf(name).notInFiles) assert.deepEqual([settingOfKey(name), settingOfKey(snakeCase(name))], [name, name]);
      assert.match(variablesOf(name)[0]!, /^ACCELERATE_TS_/);
    }
    assert.equal(settingOfKey("configFile"), undefined);
  });

  test("every command has a summary, an example and options that the completion can read", async () => {
    const { allWords } = await import("../../launcher/completion/words.js");
    for (const { path, summary, flags } of allWords(commands).slice(1)) {
      assert.ok(summary.length > 0 && flags.length > 0, path.join(" "));
      assert.equal(new Set(flags.map(({ long }) => long)).size, flags.length, path.join(" "));
    }
    for (const { name, examples } of commands) assert.ok(examples.length > 0, name);
  });

  test("a distance between words is a metric, and suggestions are close", () => {
    const word = fc.string({ maxLength: 6, unit: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        assert.equal(distance(a, b), distance(b, a));
        assert.equal(distance(a, b) === 0, a === b);
        assert.ok(distance(a, c) <= distance(a, b) + distance(b, c));
      }),
    );
    assert.equal(similar("shwo", ["default", "show", "update"]), "show");
    assert.equal(similar("quite-another", ["default", "show", "update"]), undefined);
  });
});
