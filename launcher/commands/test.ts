// accelerate-ts test: whether training on several workers works here, with the settings that programs would run with.
import type { CliCommand, CommandOption } from "../command.js";
import { optionOf, settingOptions } from "../options/flags.js";

const workers: CommandOption = {
  ...optionOf("numProcesses"),
  description: "workers in all, on all machines (default: as many as the settings say, else one per GPU, on the processor 2)",
};

export const test: CliCommand = {
  name: "test",
  summary: "run the self-test on real workers: collectives, sharding, gradients, steps, random numbers",
  options: [
    {
      flags: "--gpu",
      description:
        "on the GPU (CUDA, else WebGPU; --device says which): also training steps beside the processor's, transfers, bandwidth and samples per second, as a report to paste",
    },
    { flags: "--json", description: "one JSON object on stdout, for programs" },
    // The checks have a precision and windows of their own.
    ...settingOptions(["mixedPrecision", "gradientAccumulationSteps"]).map((option) => (option.flags === workers.flags ? workers : option)),
  ],
  examples: [
    ["accelerate-ts test", "two workers on this machine, or as many as the settings say"],
    ["accelerate-ts test --num-processes 4 --json", "for a script"],
    ["accelerate-ts test --gpu", "a new machine with GPUs"],
  ],
  run: async (options, terminal) => (await import("../self-test/run.js")).runSelfTest(options, terminal),
};
