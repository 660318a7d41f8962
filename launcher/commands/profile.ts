// accelerate-ts profile: runs a script as launch does, and tells where the time of its steps goes.
import type { CliCommand } from "../command.js";
import { settingOptions } from "../options/flags.js";

export const profile: CliCommand = {
  name: "profile",
  summary: "run a script and tell where the time of its training steps goes: by op, by part of the model, memory; writes a Chrome trace per worker",
  operands: [
    ["<script>", "the program that every worker runs; it trains with an Accelerator"],
    ["[args...]", "all that follows the script is for the script"],
  ],
  options: [
    { flags: "--output-trace-dir <folder>", description: "where trace-rank<N>.json is written (default: profile)", completes: "folder" },
    { flags: "--skip-first <steps>", description: "steps before the measurement, which compile and fill caches (default: 3)" },
    { flags: "--active <steps>", description: "steps that are measured (default: 10)" },
    ...settingOptions(),
  ],
  examples: [
    ["accelerate-ts profile --num-processes 2 train.ts", "the table on the terminal, the traces in profile/ for ui.perfetto.dev"],
    ["accelerate-ts profile --active 50 --output-trace-dir trace train.ts --epochs 1", "more steps, another folder"],
  ],
  run: async (options, terminal, operands) => (await import("../launch/profile.js")).runProfile(options, operands, terminal),
};
