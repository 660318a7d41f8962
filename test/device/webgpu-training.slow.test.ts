// A BERT of two layers and 128 channels on WebGPU, step by step as on the CPU.
import { suite, test } from "node:test";
import { testDevices } from "../support/devices.js";
import { assertAlike, bert, train, type Trained } from "./webgpu-trainings.js";

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

suite("A BERT of 2 x 128 on WebGPU", { skip }, () => {
  test("losses and parameters of several steps are the CPU's, without dropout and with it", async () => {
    const trainings = [0, 0.1].map((dropout) => ({ ...bert({ size: 128, layers: 2, dropout }), steps: 5 }));
    const expected: Trained[] = [];
    for (const training of trainings) expected.push(await train(training, "cpu"));
    for (const [i, training] of trainings.entries()) assertAlike(await train(training, device), expected[i]!);
  });
});
