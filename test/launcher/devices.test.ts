// Which device a launch runs on and which GPU each worker gets, on machines with and without GPUs.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { EnvironmentReport } from "../../launcher/environment.js";
import { chooseDevice, deviceEnvironment } from "../../launcher/launch/device.js";
import { planLaunch } from "../../launcher/launch/plan.js";
import { type RawOptions, resolveSettings, type Sources } from "../../launcher/options/resolve.js";
import { canCompile, gpuMachine } from "./gpu-machine.js";
import { placeOf } from "./settings-place.js";

const skip = !canCompile && "this needs Linux and a C compiler";
const script = "const { RANK, ACCELERATE_TS_DEVICE: device, CUDA_VISIBLE_DEVICES: visible } = process.env;\nconsole.log(RANK, device, visible);";
const told = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^\[\d\] /, ""))
    .sort();

/** What a launch would tell its workers about devices, without starting any. */
async function workersOn(machine: Readonly<Record<string, string>>, { flags = {}, env = {}, files = [] }: Sources): Promise<string[]> {
  const settings = resolveSettings({ flags, env, files });
  const before = process.env.ACCELERATE_TS_ONNXRUNTIME;
  process.env.ACCELERATE_TS_ONNXRUNTIME = machine.ACCELERATE_TS_ONNXRUNTIME;
  try {
    const device = await chooseDevice(settings, { ...process.env, ...machine, ...env });
    const { localProcesses } = planLaunch(settings, [fileURLToPath(import.meta.url)], device);
    return Array.from({ length: localProcesses }, (_, rank) => {
      const { ACCELERATE_TS_DEVICE, CUDA_VISIBLE_DEVICES } = deviceEnvironment(device, rank);
      return `${ACCELERATE_TS_DEVICE} ${CUDA_VISIBLE_DEVICES}`;
    });
  } finally {
    if (before === undefined) delete process.env.ACCELERATE_TS_ONNXRUNTIME;
    else process.env.ACCELERATE_TS_ONNXRUNTIME = before;
  }
}

suite("a launch on a machine with two GPUs", { skip }, () => {
  test("starts one worker per GPU and says so; CUDA_VISIBLE_DEVICES counts", async (t) => {
    const { call } = await placeOf(t, { "train.mjs": script });
    const machine = await gpuMachine(t);
    const two = call("launch train.mjs", machine);
    assert.deepEqual(told(two.stdout), ["0 cuda:0 undefined", "1 cuda:1 undefined"], two.stderr);
    assert.match(two.stderr, /^accelerate-ts \S+ {3}2 workers on cuda:0 and cuda:1 \(NVIDIA A100-SXM4-80GB\), \d+ threads? each/);
    const one = call("launch train.mjs", { ...machine, CUDA_VISIBLE_DEVICES: "1" });
    assert.deepEqual(told(one.stdout), ["0 cuda:0 1"]);
    const none = call("launch train.mjs", { ...machine, CUDA_VISIBLE_DEVICES: "" });
    assert.deepEqual(told(none.stdout), ["0 cpu"]);
    assert.match(none.stderr, /^accelerate-ts \S+ {3}1 worker on cpu, /);
  });

  test("takes the GPUs that --gpu-ids names, by number and by UUID, and refuses those that are not there", async (t) => {
    const machine = await gpuMachine(t, { gpus: 3 });
    const workers = (flags: RawOptions, env: Readonly<Record<string, string>> = {}) => workersOn({ ...machine, ...env }, { flags });
    assert.deepEqual(await workers({ gpuIds: "2,0" }), ["cuda:0 2,0", "cuda:1 2,0"]);
    assert.deepEqual(await workers({ gpuIds: "GPU-2222" }), ["cuda:0 1"]);
    // Numbers are those of cuda:0, cuda:1, ...: among the visible ones.
    assert.deepEqual(await workers({ gpuIds: "1" }, { CUDA_VISIBLE_DEVICES: "2,0" }), ["cuda:0 0"]);
    assert.deepEqual(await workersOn(machine, { env: { ACCELERATE_TS_DEVICE: "cuda:2" } }), ["cuda:0 2"]);
    await assert.rejects(workers({ gpuIds: "0,7" }), { code: "ERR_USAGE", message: /^--gpu-ids 0,7: there is no GPU 7 \(cuda:0 NVIDIA/ });
    await assert.rejects(workers({ gpuIds: "1,1" }), { code: "ERR_USAGE", message: "--gpu-ids 1,1: cuda:1 is named twice" });
    await assert.rejects(workers({ gpuIds: "1", cpu: true }), {
      code: "ERR_USAGE",
      message: "--cpu true and --gpu-ids 1 contradict each other: leave one out",
    });
  });

  test("refuses more workers than GPUs, and lists them", async (t) => {
    const { call } = await placeOf(t, { "train.mjs": script });
    const machine = await gpuMachine(t);
    assert.deepEqual(call("launch --num-processes 4 train.mjs", machine), {
      status: 2,
      stdout: "",
      stderr: "4 workers asked for, 2 GPUs found (cuda:0 NVIDIA A100-SXM4-80GB, cuda:1 NVIDIA A100-SXM4-80GB): lower --num-processes, or --cpu\n",
    });
    assert.deepEqual(await workersOn(machine, { flags: { numProcesses: "3", cpu: true } }), ["cpu undefined", "cpu undefined", "cpu undefined"]);
    // A flag counts before a file.
    const files = [{ name: "config.yaml", path: "/config.yaml", entries: [{ key: "use_cpu", value: true }] }];
    assert.deepEqual(await workersOn(machine, { files }), ["cpu undefined"]);
    assert.deepEqual(await workersOn(machine, { flags: { numProcesses: "1", device: "cuda" }, files }), ["cuda:0 undefined"]);
  });

  test("says what is missing for GPUs: an error where they were asked for, a line where they were not", async (t) => {
    const { call } = await placeOf(t, { "train.mjs": script });
    const bare = await gpuMachine(t, { provider: false });
    const asked = call("launch --device cuda train.mjs", bare);
    assert.equal(asked.status, 1);
    assert.match(
      asked.stderr,
      /^--device cuda: cuda:0 NVIDIA A100-SXM4-80GB, cuda:1 .*, but ONNX Runtime's CUDA provider is not installed .*: accelerate-ts install cuda\n$/,
    );
    const automatic = call("launch train.mjs", bare);
    assert.equal(automatic.status, 0);
    assert.match(
      automatic.stderr,
      /^2 GPUs are not used \(cuda:0 .*\): ONNX Runtime's CUDA provider is not installed .*: accelerate-ts install cuda \(or --cpu to leave them idle\)\naccelerate-ts \S+ {3}1 worker on cpu/,
    );
    const { stderr } = call("launch --device cuda train.mjs", await gpuMachine(t, { cudnn: false }));
    assert.match(
      stderr,
      /but the loader does not find cuDNN \(libcudnn\.so\.9\): python3 -m pip install --upgrade --target ".*cuda13" .*nvidia-cudnn-cu13~=9\.0 .* && export LD_LIBRARY_PATH=/,
    );
    const broken = call("launch --device cuda train.mjs", { ...(await gpuMachine(t)), DOUBLE_CUINIT: "803" });
    assert.match(broken.stderr, /^--device cuda: the NVIDIA driver does not work \(system has unsupported .* \(803\)\): in a container: .*, or --cpu\n$/);
  });

  test("--dry-run tells which worker gets which GPU", async (t) => {
    const { call } = await placeOf(t, { "train.mjs": script });
    const { stdout } = call("launch --dry-run --gpu-ids 1 train.mjs", await gpuMachine(t));
    assert.match(stdout, /^worker 0: cuda:0 NVIDIA A100-SXM4-80GB GPU-22222222-2222-2222-2222-222222222222/m);
    assert.match(stdout, /^CUDA_VISIBLE_DEVICES of the workers: 1$/m);
    assert.match(stdout, /^accelerate-ts launch --gpu-ids 1 train\.mjs$/m);
  });

  test("env tells GPUs, driver, provider and libraries", async (t) => {
    const { call } = await placeOf(t);
    const machine = await gpuMachine(t);
    const report = JSON.parse(call("env --json", machine).stdout) as EnvironmentReport;
    const { gpus, cuda, nccl } = report;
    assert.deepEqual(gpus[1], {
      index: 1,
      name: "NVIDIA A100-SXM4-80GB",
      memory: 80 * 2 ** 30,
      uuid: "GPU-22222222-2222-2222-2222-222222222222",
      bus: "0000:02:00.0",
      compute: "8.0",
      multiprocessors: 108,
    });
    assert.deepEqual([cuda.usable, cuda.driver?.cuda, nccl.version], [true, "13.0", "2.28.7"]);
    assert.deepEqual(
      cuda.libraries.filter(({ path }) => path !== undefined).map(({ name, version }) => `${name} ${version}`),
      ["CUDA runtime 13.0", "cuDNN 9.13.0", "NCCL 2.28.7"],
    );
    const told = call("env", { ...machine, NCCL_DEBUG: "WARN" }).stdout;
    assert.match(told, /^nccl +NCCL_DEBUG=WARN$/m);
    assert.match(told, /^cuda:0 +NVIDIA A100-SXM4-80GB, 80\.0 GiB, compute 8\.0 GPU-1111/m);
    const bare = call("env", await gpuMachine(t, { provider: false }));
    assert.match(bare.stdout, /^missing: ONNX Runtime's CUDA provider is not installed .*\n {2}accelerate-ts install cuda$/m);
  });
});

test("without a GPU, --device cuda is an error that says so, and --device webgpu is told to the workers", async (t) => {
  const { call } = await placeOf(t, { "train.mjs": script });
  const nowhere = { PATH: "/usr/bin:/bin", CUDA_VISIBLE_DEVICES: "" };
  const { status, stderr } = call("launch --device cuda train.mjs", nowhere);
  assert.equal(status, 1);
  assert.match(stderr, /^--device cuda: CUDA_VISIBLE_DEVICES is "", which hides all GPUs: unset it, or --cpu\n$/);
  assert.deepEqual(told(call("launch -q -n 2 --device webgpu train.mjs").stdout), ["0 webgpu undefined", "1 webgpu undefined"]);
  assert.match(call("launch --device gpu train.mjs").stderr, /^--device gpu: not one of cpu, cuda, webgpu/);
  assert.match(call("launch train.mjs", { ACCELERATE_TORCH_DEVICE: "xpu" }).stderr, /^ACCELERATE_TORCH_DEVICE is "xpu": not one of cpu, cuda, webgpu/);
});
