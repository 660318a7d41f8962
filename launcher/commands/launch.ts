// accelerate-ts launch: starts the workers of a script on this machine.
import type { CliCommand } from "../command.js";
import { settingOptions } from "../options/flags.js";

export const launch: CliCommand = {
  name: "launch",
  summary: "run a script (.ts, .mts, .js, .mjs) in one worker per device",
  operands: [
    ["<script>", "the program that every worker runs"],
    ["[args...]", "all that follows the script is for the script"],
  ],
  options: [
    { flags: "--dry-run", description: "start nothing; print what would run where, where settings come from, and one command that gives them all" },
    ...settingOptions(),
  ],
  examples: [
    ["accelerate-ts launch --num-processes 2 train.ts --epochs 3", "two workers on this machine"],
    [
      "accelerate-ts launch --num-machines 2 --machine-rank 0 --main-process-ip 10.0.0.1 --main-process-port 29500 --token-file token --num-processes 8 train.ts",
      "on 10.0.0.1; on the other machine the same with --machine-rank 1",
    ],
  ],
  run: async (options, terminal, operands) => (await import("../launch/run.js")).runLaunch(options, operands, terminal),
};
