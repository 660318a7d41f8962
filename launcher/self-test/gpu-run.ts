// accelerate-ts test --gpu: the self-test on the device's workers, a training step beside the processor's, what crosses between host and device, and how fast it is.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AccelerateError } from "../../src/errors.js";
import type { DeviceCounters } from "../../src/runtime/device-context.js";
import { usableCores, usableMemory } from "../../src/runtime/index.js";
import type { Precision } from "../../src/settings.js";
import type { Terminal } from "../command.js";
import { type GpuMachine, gpuList, readGpuMachine } from "../gpu/machine.js";
import { onnxruntimePackage } from "../gpu/provider.js";
import { chooseDevice, type DevicePlan, deviceEnvironment } from "../launch/device.js";
import { loadSettings } from "../options/load-settings.js";
import type { RawOptions } from "../options/resolve.js";
import { packageVersion } from "../version.js";
import { type GpuCheck, type GpuReport, gpuReportText } from "./gpu-report.js";
import type { ArraysResult, GpuTask, ModelSize, NcclResult, TrainResult } from "./gpu-worker.js";
import type { SelfTestReport } from "./report.js";
import { launchSelfTest } from "./run.js";

const worker = fileURLToPath(new URL("./gpu-worker.js", import.meta.url));
const PATIENCE = 900_000;

/** What is compared with the processor, and what is timed; a software adapter has the time for neither. */
const small: ModelSize = { layers: 4, hidden: 256, heads: 4, vocabulary: 8000, rows: 8, tokens: 64 };
const base: ModelSize = { layers: 12, hidden: 768, heads: 12, vocabulary: 30_522, rows: 32, tokens: 128 };
const tiny: ModelSize = { layers: 2, hidden: 32, heads: 2, vocabulary: 500, rows: 2, tokens: 8 };

/** How far losses may be from the processor's in float32, and weights after the steps, as part of their length. */
const tolerances: { readonly [P in Precision]: { readonly loss: number; readonly weights: number } } = {
  no: { loss: 1e-4, weights: 1e-4 },
  fp16: { loss: 2e-2, weights: 1e-2 },
  bf16: { loss: 5e-2, weights: 1e-2 },
};
const titles: { readonly [P in Precision]: string } = { no: "fp32", fp16: "fp16", bf16: "bf16" };

interface Measured<R> {
  readonly result?: R;
  readonly weights?: Float32Array;
  /** The last words of a process that failed. */
  readonly failed?: string;
}

class Bench {
  readonly #folder: string;
  readonly #plan: DevicePlan;
  readonly #say: (text: string) => void;
  #count = 0;
  constructor(folder: string, plan: DevicePlan, say: (text: string) => void) {
    this.#folder = folder;
    this.#plan = plan;
    this.#say = say;
  }

  /** One task in a process of its own, on the device or on the processor. */
  run<R>(title: string, task: GpuTask, onCpu = false): Promise<Measured<R>> {
    this.#say(`... ${title}`);
    const file = join(this.#folder, `task-${++this.#count}.json`);
    const env = { ...process.env, ...(onCpu ? { ACCELERATE_TS_DEVICE: "cpu" } : deviceEnvironment(this.#plan, 0)) };
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [worker, JSON.stringify(task), file], { env, stdio: ["ignore", "ignore", "pipe"], timeout: PATIENCE });
      let errors = "";
      child.stderr.on("data", (text) => (errors += text));
      child.on("error", (error) => resolve({ failed: error.message }));
      child.on("close", (code, signal) => {
        if (code === 0 && existsSync(file)) {
          const bytes = existsSync(`${file}.weights`) ? readFileSync(`${file}.weights`) : undefined;
          const weights = bytes && new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
          resolve({ result: JSON.parse(readFileSync(file, "utf8")) as R, ...(weights && { weights }) });
        } else {
          const said = errors.split("\n").find((line) => /^(?:\w*Error\b|Error:)/.test(line)) ?? errors.trim().split("\n").at(-1) ?? "";
          resolve({ failed: said || (signal ? `ended by ${signal}` : `exit code ${code}`) });
        }
      });
    });
  }
}

const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Number.isNaN(value) ? Number.POSITIVE_INFINITY : value), 0);
const exponent = (value: number): string => (value === 0 ? "0" : value.toExponential(1));

/** Length of the difference as part of the length. */
function distance(one: Float32Array, other: Float32Array): number {
  if (one.length !== other.length) return Number.POSITIVE_INFINITY;
  let [apart, whole] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    apart += (one[i]! - other[i]!) ** 2;
    whole += other[i]! ** 2;
  }
  return Math.sqrt(apart / whole);
}

function compared(precision: Precision, here: Measured<TrainResult>, there: Measured<TrainResult>): GpuCheck {
  const name = `BERT steps in ${titles[precision]} beside the processor's`;
  // A precision that the device does not have is no failure.
  if (!here.result) return { name, ...(!/\bmixedPrecision\b/.test(here.failed!) && { passed: false }), detail: here.failed!.replace(/^\w*Error: /, "") };
  if (!there.result || !here.weights || !there.weights) return { name, passed: false, detail: `on the processor: ${there.failed ?? "no weights"}` };
  const expected = there.result.losses;
  const loss = largest(here.result.losses.map((value, i) => Math.abs(value - expected[i]!)));
  const weights = distance(here.weights, there.weights);
  const limit = tolerances[precision];
  const passed = loss <= limit.loss && weights <= limit.weights;
  return {
    name,
    passed,
    detail: `losses differ by ${exponent(loss)} at most (allowed ${exponent(limit.loss)}), weights by ${exponent(weights)} of their length (${exponent(limit.weights)})`,
  };
}

/** Ids, mask, labels and a few small numbers go up; nothing else crosses. */
function resident(perStep: DeviceCounters | undefined, { rows, tokens }: ModelSize): GpuCheck {
  const name = "memory stays on the device";
  if (!perStep) return { name, passed: false, detail: "no step was measured" };
  const batch = 8 * rows * (2 * tokens + 1);
  const passed = perStep.downloads === 0 && perStep.uploadedBytes <= 1.25 * batch + 1024;
  return {
    name,
    passed,
    detail: `a step of ${batch.toLocaleString("en")} bytes of data takes ${Math.round(perStep.uploadedBytes).toLocaleString("en")} bytes up, ${perStep.downloads} downloads`,
  };
}

function machineRows(machine: GpuMachine, plan: DevicePlan): Record<string, string> {
  const library = (name: string) => machine.libraries.find((known) => known.name === name)?.version;
  const cuda = plan.type === "cuda";
  return {
    "accelerate-ts": `${packageVersion()}, node ${process.version}, onnxruntime ${onnxruntimePackage().version}`,
    machine: `${cpus()[0]?.model.trim() ?? "unknown"}, ${usableCores()} cores, ${(usableMemory() / 2 ** 30).toFixed(1)} GiB, ${process.platform} ${release()} ${process.arch}`,
    ...(cuda && { gpus: gpuList(plan.gpus) }),
    ...(cuda && { driver: `${machine.driver ?? "?"} (CUDA up to ${machine.cuda ?? "?"})` }),
    ...(cuda && {
      libraries: ["CUDA runtime", "cuBLAS", "cuDNN", "NCCL"].map((name) => `${name} ${library(name) ?? "-"}`).join(", "),
      "compute capability": [...new Set(plan.gpus.map(({ compute }) => compute ?? "?"))].join(", "),
    }),
    ...(plan.type === "webgpu" && { adapters: machine.adapters.map(({ name, kind }) => `${name} (${kind})`).join(", ") || "not listed" }),
  };
}

/** Without --device: NVIDIA's GPUs, else an adapter of WebGPU. */
async function planOf(flags: RawOptions, machine: GpuMachine): Promise<DevicePlan> {
  const { settings } = await loadSettings({ flags, env: process.env, cwd: process.cwd() });
  const { device, cpu } = settings.values;
  if (device?.startsWith("cpu") || cpu)
    throw new AccelerateError("ERR_NO_GPU", "test --gpu with the processor as device", { hint: "leave out --cpu, or run accelerate-ts test" });
  if (device !== undefined || settings.values.gpuIds !== undefined || machine.gpus.length > 0) {
    const plan = await chooseDevice(settings, process.env, async () => machine);
    if (plan.type === "cpu") throw new AccelerateError("ERR_NO_GPU", plan.note ?? "no GPU can be used");
    return plan;
  }
  if (machine.adapters.length > 0 || process.platform === "darwin") return { type: "webgpu", gpus: [] };
  throw new AccelerateError(
    "ERR_NO_GPU",
    `no GPU found: neither NVIDIA's (${machine.trouble?.what ?? "no driver"}) nor one for WebGPU (${machine.adapterTrouble?.what ?? "no adapter"})`,
    {
      hint: machine.adapterTrouble?.cure ?? "accelerate-ts env shows what is there",
    },
  );
}

/** Resolves with the exit code: 0 when all checks have passed. */
export async function runGpuTest({ json, gpu: _, ...flags }: RawOptions, terminal: Terminal): Promise<number> {
  const machine = await readGpuMachine(process.env, { vulkan: true, libraries: true });
  const plan = await planOf(flags, machine);
  const software = plan.type === "webgpu" && machine.adapters.length > 0 && machine.adapters.every(({ kind }) => kind === "software");
  const say = (text: string) => terminal.stderr.write(`${text}\n`);
  const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-gpu-"));
  try {
    const bench = new Bench(folder, plan, say);
    say(`... self-test on ${plan.type === "cuda" ? `${plan.gpus.length} worker${plan.gpus.length === 1 ? "" : "s"}` : plan.type}`);
    const { report: selfTest, code } = await launchSelfTest({ ...flags, device: flags.device ?? plan.type }, terminal, folder, true);
    const arrays = await bench.run<ArraysResult>("arrays up and down", { kind: "arrays", megabytes: software ? 4 : 256, repeats: software ? 2 : 10 });
    const steps = { kind: "train", size: software ? tiny : small, warm: 3, steps: 2, dropout: 0, weights: true } as const;
    const there = await bench.run<TrainResult>("BERT steps on the processor", { ...steps, precision: "no" }, true);
    const here = await bench.run<TrainResult>("BERT steps in fp32", { ...steps, precision: "no" });
    const halves: readonly Precision[] = ["bf16", "fp16"];
    const mixed: GpuCheck[] = [];
    for (const precision of halves)
      mixed.push(compared(precision, await bench.run<TrainResult>(`BERT steps in ${titles[precision]}`, { ...steps, precision }), there));
    const size = software ? tiny : base;
    const timed: Partial<Record<Precision, Measured<TrainResult>>> = {};
    for (const precision of ["no", ...halves] as const)
      if (precision === "no" || mixed[halves.indexOf(precision)]!.passed)
        timed[precision] = await bench.run<TrainResult>(`samples per second in ${titles[precision]}`, {
          kind: "train",
          precision,
          size,
          warm: software ? 2 : 5,
          steps: software ? 2 : 20,
          dropout: 0.1,
          weights: false,
        });
    const nccl = plan.type === "cuda" ? await bench.run<NcclResult>("NCCL with one rank", { kind: "nccl" }) : undefined;
    const report = assemble({ machine, plan, selfTest, code, arrays, there, here, mixed, timed, nccl, size, compared: steps.size });
    terminal.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : gpuReportText(report));
    return report.passed ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Parts {
  readonly machine: GpuMachine;
  readonly plan: DevicePlan;
  readonly selfTest: SelfTestReport | undefined;
  readonly code: number;
  readonly arrays: Measured<ArraysResult>;
  readonly there: Measured<TrainResult>;
  readonly here: Measured<TrainResult>;
  readonly mixed: readonly GpuCheck[];
  readonly timed: Partial<Record<Precision, Measured<TrainResult>>>;
  readonly nccl: Measured<NcclResult> | undefined;
  readonly size: ModelSize;
  readonly compared: ModelSize;
}

function assemble({ machine, plan, selfTest, code, arrays, there, here, mixed, timed, nccl, size, compared: small }: Parts): GpuReport {
  const failing = selfTest?.checks.filter(({ passed }) => !passed).map(({ name }) => name) ?? [];
  const on = selfTest ? `on ${selfTest.workers} worker${selfTest.workers === 1 ? "" : "s"} (${selfTest.device})` : "";
  const checks: GpuCheck[] = [
    {
      name: "self-test",
      passed: selfTest?.passed ?? false,
      detail: !selfTest
        ? `broke off (exit code ${code})`
        : failing.length > 0
          ? `${failing.join(", ")} failed ${on}`
          : `${selfTest.checks.length} checks ${on}`,
    },
    {
      name: "arrays",
      passed: arrays.result !== undefined && arrays.result.wrong.length === 0,
      detail: arrays.failed ?? (arrays.result!.wrong.join("; ") || "come back as they went up, through a copy within the device"),
    },
    compared("no", here, there),
    ...mixed,
    resident(here.result?.perStep, small),
    ...(nccl
      ? [
          {
            name: "NCCL",
            passed: nccl.result !== undefined && nccl.result.wrong.length === 0,
            detail: nccl.failed ?? (nccl.result!.wrong.join("; ") || `${nccl.result!.version}, one rank`),
          },
        ]
      : []),
  ];
  for (const [precision, { failed }] of Object.entries(timed))
    if (failed !== undefined) checks.push({ name: `samples per second in ${titles[precision as Precision]}`, passed: false, detail: failed });
  const speeds = Object.entries(timed).flatMap(([precision, { result }]) =>
    result ? [[titles[precision as Precision], result.samplesPerSecond] as const] : [],
  );
  const { up, down, within } = arrays.result ?? {};
  const dropped = timed.no?.result;
  return {
    passed: checks.every(({ passed }) => passed !== false),
    date: new Date().toISOString().slice(0, 10),
    machine: machineRows(machine, plan),
    device: arrays.result?.device ?? here.result?.device ?? plan.type,
    checks,
    selfTest: selfTest?.checks ?? [],
    figures: {
      model: size,
      samplesPerSecond: Object.fromEntries(speeds),
      ...(here.result?.perStep && { perStep: here.result.perStep }),
      ...(dropped?.perStep && { perStepDropout: dropped.perStep }),
      ...(up !== undefined && { bandwidth: { up, down: down!, within: within! } }),
      ...(dropped?.peak !== undefined && { peak: dropped.peak }),
    },
  };
}
