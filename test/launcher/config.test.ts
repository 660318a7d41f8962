// accelerate-ts config and what launches make of its files; the settings that reach programs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { askSettings, Unanswered } from "../../launcher/config/ask.js";
import type { ConfigReport } from "../../launcher/config/show.js";
import { YamlFile } from "../../launcher/config/yaml-file.js";
import { folderOf } from "../data/files.js";
import { cli, placeOf } from "./settings-place.js";

suite("accelerate-ts config", () => {
  test("default writes what holds anyway, and never over a file that is there", async (t) => {
    const { file, call, folder } = await placeOf(t);
    assert.deepEqual(call("config default"), { status: 0, stdout: "wrote cache/accelerate-ts/default_config.yaml\n", stderr: "" });
    const written = readFileSync(file, "utf8");
    assert.match(written, /^num_machines: 1 # machines that take part$/m);
    assert.doesNotMatch(written, /num_processes/); // as many as there are GPUs
    assert.match(written, /^mixed_precision: 'no' /m); // Python reads a bare no as false
    assert.deepEqual(readdirSync(join(folder, "cache", "accelerate-ts")), ["default_config.yaml"]);
    writeFileSync(file, "watchdog: 9\n");
    const again = call("config default");
    assert.equal(again.status, 2);
    assert.match(again.stderr, /default_config\.yaml is there: add what is missing with accelerate-ts config update, or write it anew with --force\n$/);
    assert.equal(readFileSync(file, "utf8"), "watchdog: 9\n");
    assert.equal(call("config default --force").status, 0);
    assert.equal(readFileSync(file, "utf8"), written);
    assert.equal(call("config default --force --num_processes 4 --log-dir logs").status, 0);
    const lines = readFileSync(file, "utf8");
    assert.match(lines, /^num_processes: 4 # workers in all, on all machines$/m);
    assert.ok(lines.endsWith("log_dir: logs # what worker r writes also goes to D/rank-r.log\n"));
  });

  test("with flags changes these keys alone, in place, and keeps comments, spelling, mode and links", async (t) => {
    const { folder, call } = await placeOf(t, { "real.yaml": "# my own\nnumProcesses: 2 # both cores\n\n# slow disk\nwatchdog: 90\nuse_cpu: true\n" });
    chmodSync(join(folder, "real.yaml"), 0o640);
    symlinkSync("real.yaml", join(folder, "link.yaml"));
    assert.equal(call("config --config-file link.yaml --num-processes 3 --no-cpu --log-dir logs").stdout, "wrote link.yaml\n");
    assert.equal(
      readFileSync(join(folder, "real.yaml"), "utf8"),
      "# my own\nnumProcesses: 3 # both cores\n\n# slow disk\nwatchdog: 90\nuse_cpu: false\nlog_dir: logs # what worker r writes also goes to D/rank-r.log\n",
    );
    assert.equal(statSync(join(folder, "real.yaml")).mode & 0o777, 0o640);
    assert.ok(lstatSync(join(folder, "link.yaml")).isSymbolicLink());
    assert.equal(
      call("config update --config-file link.yaml").stdout,
      "added to link.yaml: num_machines, mixed_precision, gradient_accumulation_steps, debug\n",
    );
    assert.equal(call("config update --config-file link.yaml").stdout, "link.yaml has all keys\n");
    assert.match(readFileSync(join(folder, "real.yaml"), "utf8"), /^# my own\nnumProcesses: 3 # both cores\n[\s\S]*debug: false/);
  });

  test("what is written is read back, whatever stood there", async (t) => {
    const folder = await folderOf(t, {});
    const path = join(folder, "any.yaml");
    const text = fc
      .oneof(
        fc.constantFrom("no", "null", "1e3", "0x10", "~", "a: b", "- x", "# y", "'", '"', "*a", "&a", "a\nb", " x "),
        fc.string({ maxLength: 20, unit: "binary" }),
      )
      .filter((value) => value.trim() !== "");
    const before = fc.constantFrom(
      "",
      "# words\n",
      "log_dir: |\n  old\n  text\n# end\n",
      "{ log_dir: x, debug: true }\n",
      "logDir: &a x\ntls_key: *a\n",
      "log_dir:\ndebug: true # why\n",
    );
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 4096 }), fc.boolean(), before, (logDir, numProcesses, debug, old) => {
        writeFileSync(path, old);
        const file = new YamlFile(path);
        for (const [name, value] of Object.entries({ logDir, numProcesses, debug })) file.set(name as "logDir", value);
        file.save();
        const { values } = new YamlFile(path);
        assert.deepEqual([values.logDir, values.numProcesses, values.debug], [logDir, numProcesses, debug]);
      }),
    );
  });

  test("mends a value with a flag, and writes nothing where the rest would be refused", async (t) => {
    const { folder, call } = await placeOf(t, { "a.yaml": "num_processes: many\n", "b.yaml": "num_proceses: 2\n" });
    assert.equal(call("config --config-file a.yaml --num-processes 2").status, 0);
    assert.match(readFileSync(join(folder, "a.yaml"), "utf8"), /^num_processes: 2\n/);
    const { status, stderr } = call("config --config-file b.yaml --num-processes 2");
    assert.deepEqual([status, stderr], [2, "b.yaml:1: unknown key num_proceses (did you mean num_processes?)\n"]);
    assert.equal(readFileSync(join(folder, "b.yaml"), "utf8"), "num_proceses: 2\n");
    assert.deepEqual(readdirSync(folder).sort(), ["a.yaml", "b.yaml"]);
  });

  test("asks nobody where there is no terminal, and says which flags answer", async (t) => {
    const { file, call } = await placeOf(t);
    const { status, stdout, stderr } = call("config");
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /^config asks questions, and there is no terminal: .*\n {2}--num-processes N +workers in all/);
    assert.ok(!existsSync(file));
    assert.match(call("config shwo").stderr, /^unknown command config shwo \(did you mean show\?\)\n$/);
    assert.match(call("config update").stderr, /no such file; write it with accelerate-ts config default\n$/);
    assert.match(call("config default --config-file x.toml").stderr, /^x\.toml: config writes files that end in \.yaml or \.yml\n$/);
  });

  test("asks until an answer is one, about several machines only where there are several", async () => {
    const ask = async (lines: string, known = {}) => {
      const [input, output] = [new PassThrough(), new PassThrough()];
      input.end(lines);
      return { values: await askSettings(known, { input, output, terminal: false }), said: String(output.read()) };
    };
    const one = await ask("\nx\n\n2\nmaybe\nyes\n", { numProcesses: 4 });
    assert.deepEqual({ ...one.values }, { numProcesses: 4, numMachines: 1, gradientAccumulationSteps: 2, debug: true });
    assert.match(one.said, /How many workers in all\? \[4\] .*x: give a whole number from 1 to 4096\n.*maybe: answer y or n/s);
    assert.doesNotMatch(one.said, /machine 0/);
    const two = await ask("8\n2\n\n1\n10.0.0.1\n29500\ntoken\n\n\n");
    assert.deepEqual(
      { ...two.values },
      {
        numProcesses: 8,
        numMachines: 2,
        machineRank: 1,
        mainProcessIp: "10.0.0.1",
        mainProcessPort: 29500,
        tokenFile: "token",
        gradientAccumulationSteps: 1,
        debug: false,
      },
    );
    assert.match(two.said, /this is needed: give a whole number/);
    const open = await ask("\n\n\n\n");
    assert.deepEqual({ ...open.values }, { numMachines: 1, gradientAccumulationSteps: 1, debug: false });
    assert.match(open.said, /How many workers in all\? \[one per GPU, else 1\]/);
    await assert.rejects(ask("8\n"), Unanswered);
  });

  test("asks on a terminal, and writes what was answered", { skip: spawnSync("script", ["--version"]).error && "there is no script" }, async (t) => {
    const { folder, file } = await placeOf(t);
    const { stdout } = spawnSync("script", ["-qefc", `"${process.execPath}" "${cli}" config`, "/dev/null"], {
      input: "3\n\n4\n\n",
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, HOME: folder, ACCELERATE_TS_HOME: join(folder, "cache", "accelerate-ts") },
    });
    assert.match(stdout, /How many workers in all\? \[one per GPU, else 1\]/);
    assert.match(stdout, /wrote /);
    assert.match(readFileSync(file, "utf8"), /num_processes: 3[\s\S]*gradient_accumulation_steps: 4/);
  });

  test("show tells every value with its origin, for people and for programs", async (t) => {
    const { call, folder, file } = await placeOf(t, {
      "accelerate.config.ts": "enum Size { small = 2 }\nexport const config = { numProcesses: Size.small, watchdog: 30 as number, timeout: undefined };\n",
      "cache/accelerate-ts/default_config.yaml": "num_processes: 4\nlog_dir: logs\n",
    });
    const env = { ACCELERATE_WATCHDOG: "20" };
    const { settings, files } = JSON.parse(call("config show --json", env).stdout) as ConfigReport;
    const project = join(folder, "accelerate.config.ts");
    assert.deepEqual(files, [project, file]);
    const instead = [{ value: 4, origin: "file", name: "num_processes", file, line: 1 }];
    assert.deepEqual(settings.numProcesses, { value: 2, origin: "file", name: "numProcesses", file: project, instead });
    assert.deepEqual([settings.watchdog?.value, settings.watchdog?.name], [20, "ACCELERATE_WATCHDOG"]);
    assert.deepEqual(settings.cpu, { value: false, origin: "default" });
    assert.deepEqual(settings.timeout, { value: 1800, origin: "default" });
    assert.deepEqual(settings.logDir?.value, "logs");
    assert.deepEqual(settings.tokenFile, { origin: "default" });
    const { stdout } = call("config show", env);
    assert.match(
      stdout,
      /^num-processes +2 +numProcesses \(accelerate\.config\.ts\), instead of 4 by num_processes \(cache\/accelerate-ts\/default_config\.yaml:1\)$/m,
    );
    assert.match(stdout, /^timeout +1800 +default$/m);
    assert.match(stdout, /^read: accelerate\.config\.ts, cache\/accelerate-ts\/default_config\.yaml$/m);
    assert.match(call("config show --config-file cache/accelerate-ts/default_config.yaml").stdout, /^num-processes +4 /m);
  });

  test("a file that the system does not give, or does not take, is named in one line", async (t) => {
    const { call } = await placeOf(t, { file: "", "two.yaml": "cpu: true\n---\ncpu: false\n" });
    const below = call("config default", { ACCELERATE_TS_HOME: "file" });
    assert.deepEqual(below, { status: 2, stdout: "", stderr: "file/default_config.yaml: its folder is a file\n" });
    const full = call("config --cpu --config-file /dev/full/x.yaml");
    assert.deepEqual([full.status, full.stderr], [2, "/dev/full/x.yaml: its folder is a file\n"]);
    assert.equal(call("config show --config-file two.yaml").stderr, "two.yaml:2:1: a second document begins: settings stand in one\n");
    const unwritten = call("config --cpu --config-file /proc/self/x.yaml");
    assert.equal(unwritten.status, 1);
    assert.match(unwritten.stderr, /^\/proc\/self\/x\.yaml was not written: E[^\n]*\n$/);
  });

  test("an accelerate.config.ts may print, which is no result, and may not end the process", async (t) => {
    const { call, folder } = await placeOf(t, { "accelerate.config.ts": 'console.log("hello");\nexport const config = { numProcesses: 3 };\n' });
    const { stdout, stderr } = call("config show --json");
    assert.equal((JSON.parse(stdout) as ConfigReport).settings.numProcesses?.value, 3);
    assert.equal(stderr, "hello\n");
    writeFileSync(join(folder, "accelerate.config.ts"), "process.exit(0);\n");
    assert.deepEqual(call("config show"), { status: 2, stdout: "", stderr: "accelerate.config.ts has ended the process: leave that out\n" });
  });

  test("a file that cannot be used is named with what is wrong with it", async (t) => {
    const { call } = await placeOf(t, {
      "throws.ts": "throw new TypeError('not today');",
      "empty.mjs": "export const other = 1;",
      "list.json": "[1]",
      "common.js": "module.exports = { config: { numProcesses: 3 } };",
      "default.mts": "export default { num_processes: 3 };",
      "folder.yaml/x": "",
    });
    for (const [name, message] of [
      ["nothing.yaml", /^nothing\.yaml: no such file\n$/],
      ["folder.yaml", /^folder\.yaml: not a file\n$/],
      ["settings.toml", /^settings\.toml: settings stand in files that end in \.yaml, /],
      ["throws.ts", /^throws\.ts does not run: TypeError: not today\n$/],
      ["empty.mjs", /^empty\.mjs exports no settings: write export const config = /],
      ["list.json", /^list\.json: no mapping of keys to values/],
    ] as const) {
      const { status, stdout, stderr } = call(`config show --config-file ${name}`);
      assert.deepEqual([status, stdout], [2, ""], name);
      assert.match(stderr, message);
    }
    for (const name of ["common.js", "default.mts"]) assert.match(call(`config show --config-file ${name}`).stdout, /^num-processes +3 /m, name);
  });
});
