// The device that variables name for a process.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { configuredDevice, configuredGpu } from "../../src/config.js";
import { visibleGpus } from "../../src/visible-gpus.js";

suite("the device of a process", () => {
  test("is what ACCELERATE_TS_DEVICE says, then what Accelerate's variable says", () => {
    assert.equal(configuredDevice({}), undefined);
    assert.equal(configuredDevice({ ACCELERATE_TS_DEVICE: "" }), undefined);
    assert.equal(String(configuredDevice({ ACCELERATE_TS_DEVICE: "cuda:3", ACCELERATE_TORCH_DEVICE: "cpu" })), "cuda:3");
    assert.equal(String(configuredDevice({ ACCELERATE_TORCH_DEVICE: "CPU" })), "cpu");
    assert.equal(String(configuredDevice({ ACCELERATE_TS_DEVICE: "webgpu" })), "webgpu:0");
    assert.throws(() => configuredDevice({ ACCELERATE_TORCH_DEVICE: "xpu" }), {
      code: "ERR_DEVICE",
      message: 'ACCELERATE_TORCH_DEVICE is "xpu": set cpu, cuda, cuda:0, cuda:1 ... or webgpu, or unset it',
    });
  });

  test("cuda alone is the GPU of the local rank under any launcher, the first without one", () => {
    const torchrun = { RANK: "6", WORLD_SIZE: "8", LOCAL_RANK: "2", LOCAL_WORLD_SIZE: "4", MASTER_ADDR: "a", MASTER_PORT: "29500" };
    const slurm = { SLURM_STEP_ID: "0", SLURM_STEP_NUM_TASKS: "4", SLURM_PROCID: "3", SLURM_LOCALID: "3", SLURM_STEP_TASKS_PER_NODE: "4", SLURM_JOB_ID: "7" };
    assert.equal(String(configuredDevice({ ACCELERATE_TS_DEVICE: "cuda" })), "cuda:0");
    assert.equal(String(configuredDevice({ ...torchrun, ACCELERATE_TS_DEVICE: "cuda" })), "cuda:2");
    assert.equal(configuredGpu(torchrun), 2);
    assert.equal(configuredGpu({ ...slurm, SLURM_STEP_NODELIST: "n1", CUDA_VISIBLE_DEVICES: "0,1,2,3" }), 3);
    // srun --gpus-per-task=1: each task sees its own alone.
    assert.equal(configuredGpu({ ...slurm, SLURM_STEP_NODELIST: "n1", CUDA_VISIBLE_DEVICES: "0" }), 0);
    assert.equal(configuredGpu({ ...torchrun, CUDA_VISIBLE_DEVICES: "" }), undefined);
  });

  test("CUDA_VISIBLE_DEVICES is read as CUDA reads it", () => {
    assert.equal(visibleGpus({}), undefined);
    assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: "" }), []);
    assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: "-1" }), []);
    assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: "NoDevFiles" }), []);
    assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: "3, 1,-1,0" }), ["3", "1"]);
    const names = ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/2", "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"];
    assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: names.join(",") }), names);
  });
});
