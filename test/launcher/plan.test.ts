// What a command line means before anything starts: the plan, or a message that says what to do.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { coreNumbers, divideCores } from "../../launcher/launch/cores.js";
import { type DevicePlan, onCpu } from "../../launcher/launch/device.js";
import { planLaunch } from "../../launcher/launch/plan.js";
import { findScript } from "../../launcher/launch/script.js";
import { type RawOptions, resolveSettings } from "../../launcher/options/resolve.js";
import { folderOf } from "../data/files.js";

const self = fileURLToPath(import.meta.url);
const gpus = (count: number): DevicePlan => ({
  type: "cuda",
  gpus: Array.from({ length: count }, (_, index) => ({ index, name: "NVIDIA A100 80GB", memory: 80 * 2 ** 30 })),
});
const plan = (options: RawOptions, devices = 1) => planLaunch(resolveSettings({ flags: options }), [self], devices === 1 ? onCpu : gpus(devices));
const several = { numMachines: "2", machineRank: "1", mainProcessIp: "10.0.0.1", mainProcessPort: "29500", tokenFile: "token" };

suite("the plan of a launch", () => {
  test("counts workers over hosts", () => {
    for (const [options, devices, wanted] of [
      [{}, 1, [1, 1, 1, 0]],
      [{}, 4, [4, 4, 1, 0]],
      [{ numProcesses: "3" }, 1, [3, 3, 1, 0]],
      [{ ...several, numProcesses: "8" }, 1, [8, 4, 2, 1]],
      [several, 4, [undefined, 4, 2, 1]],
      [{ ...several, numLocalProcesses: "3" }, 1, [undefined, 3, 2, 1]],
      [{ ...several, numLocalProcesses: "3", numProcesses: "5" }, 1, [5, 3, 2, 1]],
    ] as const) {
      const { processes, localProcesses, hosts, host } = plan(options, devices);
      assert.deepEqual([processes, localProcesses, hosts, host], wanted, JSON.stringify(options));
    }
  });

  test("refuses numbers that are none, and contradictions", () => {
    for (const [options, message] of [
      [{ numProcesses: "0" }, /^--num-processes 0: not a whole number from 1 to/],
      [{ numProcesses: "two" }, /^--num-processes two: not a whole number/],
      [{ numProcesses: "1.5" }, /^--num-processes 1\.5: not a whole number/],
      [{ watchdog: "-1" }, /^--watchdog -1: not a number of seconds/],
      [{ timeout: "soon" }, /^--timeout soon: not a number of seconds/],
      [{ watchdog: "60", timeout: "30" }, /--timeout 30 ends the job before --watchdog 60 has reported/],
      [{ machineRank: "1" }, /--machine-rank 1 without --num-machines/],
      [{ ...several, machineRank: "2" }, /--machine-rank 2 of 2 machines: the machines are 0 to 1/],
      [
        { numMachines: "2", machineRank: "0" },
        /^--num-machines 2 also needs:\n {2}--main-process-ip A .*\n {2}--main-process-port P .*\n {2}--token-file F .*openssl rand -hex 32/,
      ],
      [{ ...several, mainProcessPort: "0" }, /also needs:\n {2}--main-process-port P/],
      [{ ...several, numProcesses: "5" }, /--num-processes 5 cannot be divided among 2 machines: say with --num-local-processes/],
      [{ ...several, numProcesses: "4", numLocalProcesses: "4" }, /contradict each other/],
      [{ numProcesses: "2", numLocalProcesses: "3" }, /contradict each other/],
      [{ tlsCert: "a" }, /^--tls-cert a needs --tls-key/],
      [{ ...several, machineRank: "0", tlsCa: "ca" }, /^--tls-ca ca on machine 0 also needs its certificate/],
    ] as const)
      assert.throws(() => plan(options as RawOptions), { code: "ERR_USAGE", message }, JSON.stringify(options));
  });

  test("a script that is not there is named with what is", async (t) => {
    const folder = await folderOf(t, { "train.ts": "", "eval.mjs": "", "notes.txt": "", "types.d.ts": "", "sub/other.js": "", "empty/readme.md": "" });
    assert.equal(findScript("train.ts", folder), join(folder, "train.ts"));
    for (const [script, message] of [
      ["trian.ts", /^trian\.ts: no such file \(in this folder: train\.ts, eval\.mjs\)$/],
      ["sub", /^sub: a folder, not a script \(in sub: other\.js\)$/],
      ["sub/x.js", /^sub\/x\.js: no such file \(in sub: other\.js\)$/],
      ["empty/x.js", /^empty\/x\.js: no such file \(no script in empty\)$/],
      ["nowhere/x.js", /^nowhere\/x\.js: no such file, and no folder nowhere$/],
      ["notes.txt", /^notes\.txt: cannot be run \(a script ends in \.ts, /],
    ] as const)
      assert.throws(() => findScript(script, folder), { code: "ERR_USAGE", message });
  });

  test("the command line says it on stderr, in one piece, and ends with 2", async (t) => {
    const folder = await folderOf(t, { "train.ts": "" });
    const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
    for (const [args, message] of [
      [["--num-proceses", "2", "train.ts"], "unknown option --num-proceses (did you mean --num-processes?)\n"],
      [["trian.ts"], "trian.ts: no such file (in this folder: train.ts)\n"],
      [[], "missing required argument script\n"],
      [["--num-processes"], "option -n, --num-processes <N> argument missing\n"],
      [["--num-processes", "x", "train.ts"], "--num-processes x: not a whole number from 1 to 4096\n"],
    ] as const) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "launch", ...args], { encoding: "utf8", cwd: folder });
      assert.deepEqual([status, stdout, stderr], [2, "", message]);
    }
  });
});

suite("cores", () => {
  test("are divided without overlap, all of them", () => {
    const allowed = [0, 1, 2, 3, 8, 9, 10];
    for (const [workers, threads] of [
      [2, 3],
      [3, 2],
      [7, 1],
    ] as const) {
      const shares = divideCores({ allowed, usable: 7 }, workers);
      assert.deepEqual(
        shares.map((share) => share.threads),
        Array.from({ length: workers }, () => threads),
      );
      assert.deepEqual(
        shares.flatMap(({ cores }) => cores ?? []),
        allowed,
      );
      assert.ok(shares.every(({ cores }) => (cores?.length ?? 0) >= threads));
    }
  });

  test("bind nobody when there are too few, under a quota, or where one worker has all", () => {
    const free = (shares: readonly { readonly cores: unknown }[]) => shares.every(({ cores }) => cores === undefined);
    assert.ok(free(divideCores({ allowed: [0, 1], usable: 2 }, 3)));
    assert.ok(free(divideCores({ allowed: [0, 1, 2, 3], usable: 2 }, 2)));
    assert.ok(free(divideCores({ allowed: [0, 1], usable: 2 }, 1)));
    assert.ok(free(divideCores({ allowed: undefined, usable: 2 }, 2)));
    assert.ok(free(divideCores({ allowed: [0, 1, 2, 3], usable: 4 }, 2, 4)));
    assert.deepEqual(
      divideCores({ allowed: [0, 1], usable: 2 }, 3).map(({ threads }) => threads),
      [1, 1, 1],
    );
  });

  test("are read from the kernel's lists", () => {
    assert.deepEqual(coreNumbers("0-3,8\n"), [0, 1, 2, 3, 8]);
    assert.deepEqual(coreNumbers("5"), [5]);
    assert.deepEqual(coreNumbers(""), []);
  });
});
