// What a training step of BERT 6 x 384 (8 x 64 tokens, AdamW, clipping) asks of a device: arrays that cross, allocations, launches of kernels. On the doubled GPU with ONNX Runtime's real CUDA provider, without
// and with our kernels, where ACCELERATE_TS_TEST_CUDA names a folder (node test/doubles/provision.mjs FOLDER fills one), and with --webgpu a BERT of 1 x 16 on WebGPU, small enough for a software adapter.
//   ACCELERATE_TS_TEST_CUDA=FOLDER node dist/bench/device-steps.js [--webgpu]
// Counts, not times: the double computes nothing. The step shown is the fifth; its loss is not asked for on CUDA, on WebGPU it is (an array down).
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/package-root.js";
import type { Device } from "../src/runtime/index.js";
import { nameOf, type Trial, trainings } from "../test/device/cuda-steps.js";
import { train } from "../test/device/webgpu-trainings.js";
import { cudaFiles } from "../test/doubles/build.js";
import { part, runOnGpus, violations, work } from "../test/doubles/machine.js";
import { testDevices } from "../test/support/devices.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({ options: { webgpu: { type: "boolean", default: false } } });

interface Row {
  readonly step: string;
  readonly launches: number | string;
  readonly ours: number | string;
  readonly up: number;
  readonly bytesUp: number;
  readonly down: number;
  readonly bytesDown: number;
  readonly copies: number;
  readonly allocations: number;
}
const root = packageRoot(import.meta.url);

async function onCuda(kernels: string | undefined): Promise<Row[]> {
  const precisions: readonly Trial["precision"][] = ["no", "bf16"];
  const models = ["bert6x384", ...(kernels === undefined ? [] : ["bert6x384 with dropout"])];
  const trials = models.flatMap((model) => precisions.map((precision): Trial => ({ model, precision, steps: 5 })));
  const program = new URL("../test/device/cuda-steps.js", import.meta.url);
  const ran = await runOnGpus([program, JSON.stringify(trials)], {
    env: kernels === undefined ? {} : { ACCELERATE_TS_CUDA_KERNELS: kernels },
    timeoutMs: 600_000,
  });
  if (ran.code !== 0 || violations(ran).length > 0) throw new Error(ran.stderr + violations(ran).join("\n"));
  const lines = [...ran.logs.values()].flat();
  return trials.map((trial) => {
    const of = part(lines, `${nameOf(trial)}, step 4`);
    const { launches, up, bytesUp, down, bytesDown, copies, allocations } = work(of);
    const ours = of.filter(({ launch }) => launch?.includes("accelerate_ts")).length;
    return {
      step: `CUDA, ${kernels === undefined ? "without" : "with"} our kernels: ${nameOf(trial)}`,
      launches,
      ours,
      up,
      bytesUp,
      down,
      bytesDown,
      copies,
      allocations,
    };
  });
}

async function onWebgpu(device: Device): Promise<Row> {
  const { crossed } = await train({ ...trainings.bert!, steps: 6 }, device);
  const { uploads, uploadedBytes, downloads, downloadedBytes, copies, allocations } = crossed.at(-2)!;
  return {
    step: "WebGPU: BERT 1 x 16, fp32",
    launches: "not counted",
    ours: "none",
    up: uploads,
    bytesUp: uploadedBytes,
    down: downloads,
    bytesDown: downloadedBytes,
    copies,
    allocations,
  };
}

const titles = ["a step", "launches", "of them ours", "arrays up", "bytes up", "arrays down", "bytes down", "copies within", "allocations"];
const print = (...rows: readonly (readonly unknown[])[]): void => {
  for (const cells of rows) console.log(`| ${cells.join(" | ")} |`);
};
const show = (...rows: readonly Row[]): void => print(...rows.map((row) => Object.values(row)));

console.log(JSON.stringify(machine(), undefined, 2));
print(
  titles,
  titles.map(() => "---"),
);
const files = cudaFiles();
if (typeof files === "string") console.log(`nothing on CUDA: ${files}`);
else {
  show(...(await onCuda(undefined)));
  if (files.nvcc === undefined) console.log("nothing with our kernels: there is no nvcc");
  else {
    execFileSync(process.execPath, [join(root, "src/native/build.mjs"), "--quiet", `--cuda=${files.nvcc}`], { stdio: "inherit" });
    show(...(await onCuda(join(root, "build", "accelerate_ts_cuda.so"))));
  }
}
if (args.webgpu) {
  const [webgpu] = await testDevices(["webgpu"]);
  if (webgpu!.skip === false) show(await onWebgpu(webgpu!.device));
  else console.log(`nothing on WebGPU: ${webgpu!.skip}`);
}
