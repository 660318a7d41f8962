// What accelerate-ts test --gpu says, and that it says what is missing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type GpuReport, gpuReportText } from "../../launcher/self-test/gpu-report.js";
import { placeOf } from "./settings-place.js";

const counters = { uploads: 4, uploadedBytes: 66_112, downloads: 0, downloadedBytes: 0, copies: 0, allocations: 0 };
const report: GpuReport = {
  passed: true,
  date: "2026-11-23",
  machine: { machine: "a processor, 8 cores", driver: "580.65.06 (CUDA up to 13.0)" },
  device: "cuda:0 NVIDIA A100-SXM4-80GB",
  checks: [
    { name: "self-test", passed: true, detail: "17 checks on 1 worker (cuda:0)" },
    { name: "BERT steps in fp16 beside the processor's", detail: "not here" },
  ],
  selfTest: [],
  figures: {
    model: { layers: 12, hidden: 768, heads: 12, vocabulary: 30_522, rows: 32, tokens: 128 },
    samplesPerSecond: { fp32: 412.34, bf16: 1234.5 },
    perStep: counters,
    bandwidth: { up: 24e9, down: 25.4e9, within: 1.31e12 },
    peak: 1_250_000_000,
  },
};

test("the report is a table to paste: machine, checks, figures with their units, the sum", () => {
  const told = gpuReportText(report);
  assert.match(told, /^driver +580\.65\.06 \(CUDA up to 13\.0\)\ndevice +cuda:0 NVIDIA A100-SXM4-80GB\ndate +2026-11-23$/m);
  assert.match(told, /^ok {6}self-test: 17 checks on 1 worker \(cuda:0\)\n- {7}BERT steps in fp16 beside the processor's: not here$/m);
  assert.match(told, /^samples\/s +fp32 412\.3 {3}bf16 1,235 {3}\(BERT 12 x 768, 32 rows of 128 tokens, AdamW, dropout 0\.1\)$/m);
  assert.match(told, /^per step +4 up \(66\.11 kB\), 0 down \(0 B\), 0 copies within, 0 allocations$/m);
  assert.match(told, /^bandwidth +up 24 GB\/s, down 25\.4 GB\/s, within the device 1,310 GB\/s$/m);
  assert.match(told, /^memory +1\.25 GB in arrays at their most$/m);
  assert.match(told, /all 1 checks passed on cuda:0 NVIDIA A100-SXM4-80GB\n$/);
  const failed = { ...report, passed: false, checks: [{ name: "arrays", passed: false, detail: "float32 number 7: 0, expected 1" }] };
  assert.match(gpuReportText(failed), /^FAILED {2}arrays: float32 number 7: 0, expected 1$[\s\S]*\nfailed on cuda:0 .*: arrays\n$/m);
});

test("without a GPU it says what is missing", async (t) => {
  const { call } = await placeOf(t);
  const nowhere = { VK_ICD_FILENAMES: "/nowhere.json", VK_DRIVER_FILES: "/nowhere.json", CUDA_VISIBLE_DEVICES: "" };
  const { status, stdout, stderr } = call("test --gpu", nowhere);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^no GPU found: neither NVIDIA's \(no driver\) nor one for WebGPU \(.*\): apt-get install libvulkan1 and the GPU's driver/);
  assert.match(call("test --gpu --cpu", nowhere).stderr, /^test --gpu with the processor as device: leave out --cpu, or run accelerate-ts test\n$/);
});
