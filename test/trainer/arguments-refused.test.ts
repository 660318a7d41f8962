// Training arguments that cannot be had here: refused by name with the reason, unless they mean off.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TrainingArguments, type TrainingArgumentsOptions } from "../../src/trainer/arguments/index.js";

type Values = Record<string, unknown>;
const made = (options: Values): TrainingArguments => new TrainingArguments("out", options as TrainingArgumentsOptions);
const refusal = (code: string, message: RegExp) => ({ name: "ArgumentError", code, message });

describe("what cannot be done here", () => {
  const on: Values = {
    fsdp: "full_shard",
    fsdpConfig: { version: 2 },
    deepspeed: "ds.json",
    pushToHub: true,
    hubStrategy: "end",
    torchCompile: true,
    useLigerKernel: true,
    tf32: true,
    bf16FullEval: true,
    fp16FullEval: 1,
    gradientCheckpointingKwargs: { use_reentrant: false },
    activationCheckpointingKwargs: { use_reentrant: true },
    debug: "underflow_overflow",
    skipMemoryMetrics: false,
    dataloaderInOrder: false,
    ddpBackend: "nccl",
    ddpTimeout: 60,
    localRank: 3,
    optimTargetModules: ["q"],
    trackioSpaceId: "me/space",
    optim: "adamw_bnb_8bit",
    lrSchedulerType: "greedy",
    trainSamplingStrategy: "batch_rebalance",
    reportTo: ["csv", "comet_ml"],
    saveSafetensors: false,
    useMpsDevice: true,
    acceleratorConfig: { nonBlocking: true },
  };
  test("it is refused by name with the reason", () => {
    for (const [name, value] of Object.entries(on)) {
      const named = name === "acceleratorConfig" ? "nonBlocking" : name;
      assert.throws(() => made({ [name]: value }), refusal("ERR_TRAINING_ARGUMENT_REFUSED", new RegExp(`: ${named} is .*, and is not supported: .{10}`)), name);
    }
  });

  test("values that mean off are taken, and become the default", () => {
    const off: Values = {
      fsdp: false,
      deepspeed: "",
      fsdpConfig: {},
      tf32: false,
      fp16: "false",
      debug: "",
      hubPrivateRepo: false,
      ddpBackend: "gloo",
      ddpTimeout: "1800",
      localRank: 0,
    };
    assert.deepEqual(made(off).toJSON(), made({}).toJSON());
    assert.deepEqual(made({ skipMemoryMetrics: true, dataloaderInOrder: "true", pushToHubToken: null }).toJSON(), made({}).toJSON());
  });

  test("tokens are not shown", () => {
    for (const name of ["hubToken", "pushToHubToken"])
      assert.throws(
        () => made({ [name]: "hf_secret" }),
        (error: Error) => !error.message.includes("hf_secret"),
      );
  });
});
