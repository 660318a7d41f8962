// accelerate-ts install cuda: a provider in place, whole or not at all, and away again. The wheels are made here; the real one is a slow test's.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { neededLibraries } from "../../launcher/gpu/elf.js";
import { type CudaOptions, installCuda, uninstallCuda } from "../../launcher/install/cuda.js";
import { folderOf } from "../data/files.js";
import { canCompile } from "./gpu-machine.js";
import { wheelOf } from "./made-wheel.js";
import { cli } from "./settings-place.js";

const [shared, cuda, tensorrt] = ["libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so", "libonnxruntime_providers_tensorrt.so"];
const manifest = "accelerate-ts-cuda.json";
const skip = (!canCompile || process.arch !== "x64") && "this needs Linux on x64 and a C compiler";

/** A library that the loader would take, with `extra` zeros behind it. */
async function library(t: TestContext, extra = 0): Promise<Buffer> {
  const folder = await folderOf(t, { "a.c": "int provider(void) { return 1; }", "b.c": "int cudart(void) { return 1; }" });
  spawnSync("cc", ["-shared", "-fPIC", "-o", "libcudart.so.13", "-Wl,-soname,libcudart.so.13", "b.c"], { cwd: folder });
  spawnSync("cc", ["-shared", "-fPIC", "-o", "a.so", "a.c", "-L.", "-Wl,--no-as-needed", "-l:libcudart.so.13"], { cwd: folder });
  assert.deepEqual(neededLibraries(join(folder, "a.so"))?.slice(0, 1), ["libcudart.so.13"]);
  return Buffer.concat([readFileSync(join(folder, "a.so")), Buffer.alloc(extra)]);
}

async function placeOf(t: TestContext, extra = 0, parts: Partial<Parameters<typeof wheelOf>[0]> = {}) {
  const libraries = { [shared]: Buffer.from("shared"), [cuda]: await library(t, extra), [tensorrt]: Buffer.from("tensorrt") };
  const root = await folderOf(t, { "ort/libonnxruntime.so.1": "" });
  const [folder, from] = [join(root, "ort"), join(root, "onnxruntime_gpu.whl")];
  writeFileSync(from, wheelOf({ libraries, ...parts }));
  const options: CudaOptions = {
    folder,
    version: "1.30.0",
    pack: root,
    from,
    method: "pip",
    quiet: true,
    terminal: { stdout: process.stdout, stderr: process.stderr },
    signal: new AbortController().signal,
  };
  return { root, folder, from, libraries, options, names: () => readdirSync(folder).sort() };
}

suite("accelerate-ts install cuda", { skip }, () => {
  test("puts the provider of a wheel in place, once, and takes it away again", async (t) => {
    const { folder, options, names, libraries } = await placeOf(t);
    const installed = await installCuda(options);
    assert.deepEqual([installed.outcome, installed.files.map(({ name }) => name)], ["installed", [shared, cuda]]);
    assert.deepEqual(names(), [manifest, "libonnxruntime.so.1", cuda, shared].sort());
    assert.deepEqual(readFileSync(join(folder, cuda)), libraries[cuda]);
    assert.equal((await installCuda(options)).outcome, "kept");
    const { from: _, ...again } = options;
    assert.equal((await installCuda(again)).outcome, "kept", "nothing is downloaded where all is there");
    assert.deepEqual(
      (await installCuda({ ...options, tensorrt: true })).files.map(({ name }) => name),
      [shared, tensorrt, cuda],
    );
    const { outcome, files } = await uninstallCuda(folder, "1.30.0");
    assert.deepEqual([outcome, files.map(({ name }) => name).sort()], ["uninstalled", [cuda, shared, tensorrt].sort()]);
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
    assert.equal((await uninstallCuda(folder, "1.30.0")).outcome, "absent");
  });

  test("mends what was damaged, and leaves alone what somebody has changed", async (t) => {
    const { folder, options, libraries } = await placeOf(t);
    await installCuda(options);
    writeFileSync(join(folder, shared), "shareD");
    assert.equal((await installCuda(options)).outcome, "installed");
    assert.deepEqual(readFileSync(join(folder, shared)), libraries[shared]);
    writeFileSync(join(folder, shared), "mine");
    const { left, files } = await uninstallCuda(folder, "1.30.0");
    assert.deepEqual([left, files.map(({ name }) => name)], [[shared], [cuda]]);
    assert.equal(readFileSync(join(folder, shared), "utf8"), "mine");
  });

  test("writes over nobody's provider unless told to, and then brings it back", async (t) => {
    const { folder, options, names } = await placeOf(t);
    writeFileSync(join(folder, cuda), "by npm");
    await assert.rejects(installCuda(options), {
      code: "ERR_INSTALL",
      message: /libonnxruntime_providers_cuda\.so is there already, put there by something else .*--force/,
    });
    assert.deepEqual([names(), readFileSync(join(folder, cuda), "utf8")], [["libonnxruntime.so.1", cuda], "by npm"]);
    assert.equal((await installCuda({ ...options, force: true })).outcome, "installed");
    assert.notEqual(readFileSync(join(folder, cuda), "utf8"), "by npm");
    assert.deepEqual((await uninstallCuda(folder, "1.30.0")).restored, [cuda]);
    assert.deepEqual([names(), readFileSync(join(folder, cuda), "utf8")], [["libonnxruntime.so.1", cuda], "by npm"]);
  });

  test("refuses wheels that are another project, version, platform, or damaged, and changes nothing", async (t) => {
    const body = await library(t);
    const both = { [shared]: Buffer.from("shared"), [cuda]: body };
    for (const [parts, message] of [
      [{ name: "onnxruntime" }, /it is onnxruntime, not onnxruntime-gpu: python3 -m pip download --no-deps onnxruntime-gpu==1\.30\.0/],
      [{ version: "1.29.0" }, /it is version 1\.29\.0, and the package onnxruntime-node is 1\.30\.0/],
      [{ platform: "win_amd64" }, /it is for win_amd64, this is Linux on x86_64/],
      [{ platform: "manylinux_2_28_aarch64" }, /it is for manylinux_2_28_aarch64, this is Linux on x86_64/],
      [{ libraries: { [shared]: Buffer.from("shared") } }, /it has no libonnxruntime_providers_cuda\.so/],
      [{ libraries: { ...both, [cuda]: Buffer.from("#!/bin/sh\n") } }, /is no library for 64-bit Linux/],
      [
        { libraries: both, record: (text: string) => text.replace(/(providers_shared\.so,sha256=)./, "$1_") },
        /libonnxruntime_providers_shared\.so is not what RECORD says \(sha256\)/,
      ],
      [{ libraries: both, record: (text: string) => text.replace(/(providers_shared\.so,.*),6\n/, "$1,7\n") }, /has 6 bytes, RECORD says 7/],
      [{ libraries: both, record: () => "" }, /RECORD says nothing of libonnxruntime_providers_shared\.so/],
    ] as const) {
      const { options, names } = await placeOf(t, 0, parts);
      await assert.rejects(installCuda(options), { code: "ERR_WHEEL", message }, String(message));
      assert.deepEqual(names(), ["libonnxruntime.so.1"]);
    }
    const { options, from, names, root } = await placeOf(t);
    const whole = readFileSync(from);
    for (const [damaged, message] of [
      [whole.subarray(0, whole.length - 100), /cannot be read/],
      [Buffer.concat([whole.subarray(0, 200), Buffer.from([whole[200]! ^ 255]), whole.subarray(201)]), /the file is damaged or cut off/],
    ] as const) {
      writeFileSync(from, damaged);
      await assert.rejects(installCuda(options), { code: "ERR_WHEEL", message });
    }
    await assert.rejects(installCuda({ ...options, from: join(root, "no.whl") }), { code: "ERR_WHEEL", message: /no\.whl: cannot be read \(ENOENT/ });
    await assert.rejects(installCuda({ ...options, platform: "darwin" }), {
      code: "ERR_INSTALL",
      message: /for Linux on x64, this is darwin-x64: other GPUs: --device webgpu/,
    });
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
  });

  test("stops when asked to, and leaves nothing", async (t) => {
    const { options, names } = await placeOf(t, 64 * 2 ** 20);
    const stop = new AbortController();
    const done = assert.rejects(installCuda({ ...options, signal: stop.signal }), { message: "enough" });
    while (!names().includes(".accelerate-ts-install")) await setTimeout(1);
    stop.abort(new Error("enough"));
    await done;
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
  });

  test("killed at any moment, it is completed or undone by the next call", async (t) => {
    const { folder, from, options, names } = await placeOf(t, 48 * 2 ** 20);
    for (const delay of [0, 15, 40, 90]) {
      const child = spawn(process.execPath, [cli, "install", "cuda", "--from", from, "--into", folder], { stdio: "ignore" });
      while (!names().includes(".accelerate-ts-install") && child.exitCode === null) await setTimeout(1);
      await setTimeout(delay);
      child.kill("SIGKILL");
      await new Promise((resolve) => child.once("close", resolve));
      // The provider is whole or not there.
      if (existsSync(join(folder, cuda))) assert.deepEqual(readFileSync(join(folder, cuda)).length, (await library(t, 48 * 2 ** 20)).length);
      if (delay === 40) await uninstallCuda(folder, "1.30.0");
    }
    assert.match((await installCuda(options)).outcome, /installed|kept/);
    mkdirSync(join(folder, ".accelerate-ts-install"));
    await uninstallCuda(folder, "1.30.0");
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
  });

  test("cut off between the manifest and the files, it is completed; of two at once one waits outside", async (t) => {
    const { folder, options, names } = await placeOf(t);
    await installCuda(options);
    spawnSync("rm", [join(folder, cuda)]);
    assert.equal((await installCuda(options)).outcome, "installed");
    mkdirSync(join(folder, ".accelerate-ts-install"));
    writeFileSync(join(folder, ".accelerate-ts-install", "pid"), "1");
    spawnSync("rm", [join(folder, cuda)]);
    await assert.rejects(installCuda(options), { code: "ERR_INSTALL", message: /another install is under way there \(process 1\)/ });
    writeFileSync(join(folder, ".accelerate-ts-install", "pid"), "999999999"); // nobody
    assert.equal((await installCuda(options)).outcome, "installed");
    assert.ok(!names().includes(".accelerate-ts-install"));
  });

  test("downloads with whatever pip is there, and says what to do where none is or it fails", async (t) => {
    const { root, folder, from, names } = await placeOf(t);
    const bin = join(root, "bin");
    mkdirSync(bin);
    const program = (name: string, text: string) => {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    };
    const call = () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "install", "cuda", "--into", folder], {
        encoding: "utf8",
        env: { ...process.env, PATH: bin },
      });
      return { status, stdout, stderr };
    };
    const none = call();
    assert.equal(none.status, 1);
    assert.match(none.stderr, /^there is no pip \(tried python3 -m pip, .*\): install one .*--method npm, .* accelerate-ts install cuda --from <file\.whl>\n$/);
    program("python3", "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    program("pip3", "echo 'ERROR: No matching distribution found for onnxruntime-gpu' >&2; exit 1");
    assert.match(call().stderr, /^pip3 download failed \(exit code 1\): ERROR: No matching distribution found for onnxruntime-gpu: on a machine that can: /);
    program(
      "pip3",
      `for last; do [ "$before" = --dest ] && dest="$last"; before="$last"; done\n[ "$last" = onnxruntime-gpu==1.30.0 ] && /bin/cp "${from}" "$dest/onnxruntime_gpu-1.30.0.whl"`,
    );
    const done = call();
    assert.equal(done.status, 0, done.stderr);
    assert.match(done.stdout, /^installed the CUDA provider 1\.30\.0 from the wheel of onnxruntime-gpu 1\.30\.0 into .*\n {2}lib.*shared\.so {2}1 kB\n/);
    assert.match(done.stdout, /^missing: the loader does not find CUDA runtime \(libcudart\.so\.13\)|^found: CUDA runtime/m);
    assert.deepEqual(names(), [manifest, "libonnxruntime.so.1", cuda, shared].sort());
  });

  test("--method npm runs the script of onnxruntime-node on a copy of itself", async (t) => {
    const { root, folder, options, names, libraries } = await placeOf(t);
    writeFileSync(join(root, "cuda.so"), libraries[cuda]!);
    mkdirSync(join(root, "script"));
    const into = "path.join(__dirname, '../bin/napi-v6', process.platform, process.arch)";
    const script = `const fs = require("fs"), path = require("path");
if (process.argv[2] !== "--onnxruntime-node-install=cuda12") throw new Error("called otherwise");
fs.copyFileSync("${root}/cuda.so", path.join(${into}, "${cuda}"));\nfs.writeFileSync(path.join(${into}, "${shared}"), "shared");`;
    writeFileSync(join(root, "script", "install.js"), "throw new Error('no network');");
    const { from: _, ...without } = options;
    await assert.rejects(installCuda({ ...without, method: "npm" }), {
      code: "ERR_INSTALL",
      message: /script of onnxruntime-node failed \(exit code 1\): .*Error: no network: see what it says/,
    });
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
    writeFileSync(join(root, "script", "install.js"), script);
    assert.equal((await installCuda({ ...without, method: "npm" })).outcome, "installed");
    assert.deepEqual(names(), [manifest, "libonnxruntime.so.1", cuda, shared].sort());
    assert.ok(!existsSync(join(root, "bin")));
    await uninstallCuda(folder, "1.30.0");
    assert.deepEqual(names(), ["libonnxruntime.so.1"]);
  });
});
