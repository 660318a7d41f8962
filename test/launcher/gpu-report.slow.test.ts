// accelerate-ts test --gpu on WebGPU: the whole report, on a GPU or on SwiftShader.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { GpuReport } from "../../launcher/self-test/gpu-report.js";
import { testDevices, vulkanEnvironment } from "../support/devices.js";
import { placeOf } from "./settings-place.js";

const [webgpu] = await testDevices(["webgpu"]);

suite("accelerate-ts test --gpu", { skip: webgpu!.skip }, () => {
  test("checks the device and reports figures", async (t) => {
    const { call } = await placeOf(t);
    const { status, stdout, stderr } = call("test --gpu --device webgpu -n 1 --json", vulkanEnvironment);
    assert.equal(status, 0, stdout + stderr);
    const report = JSON.parse(stdout) as GpuReport;
    assert.deepEqual([report.passed, report.device.split(" ")[0]], [true, "webgpu:0"]);
    const passed = report.checks.filter((check) => check.passed).map(({ name }) => name);
    for (const name of ["self-test", "arrays", "BERT steps in fp32 beside the processor's", "memory stays on the device"])
      assert.ok(passed.includes(name), name);
    assert.ok(report.selfTest.length >= 14 && report.selfTest.every((check) => check.passed));
    assert.ok(report.figures.samplesPerSecond.fp32! > 0 && report.figures.bandwidth!.up > 0);
  });
});
