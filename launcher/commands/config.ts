// accelerate-ts config: the settings of launches, written, completed and shown.
import type { CliCommand, CommandOption } from "../command.js";
import { optionOf, settingOptions } from "../options/flags.js";

const target: CommandOption = { flags: "--config-file <F>", description: "write this file (.yaml) instead of the user's own", completes: "file" };

export const config: CliCommand = {
  name: "config",
  summary: "write the settings of launches to a file: asks a few questions, or takes flags",
  options: [target, ...settingOptions(["configFile"])],
  examples: [
    ["accelerate-ts config", "a few questions"],
    ["accelerate-ts config --num-processes 4 --log-dir logs", "the same without questions; what the file says besides stays"],
    ["accelerate-ts config show", "every setting, its value and where it comes from"],
  ],
  run: async (options, terminal) => (await import("../config/run.js")).runConfig(options, terminal),
  commands: [
    {
      name: "default",
      summary: "write a file with the defaults",
      options: [target, { flags: "--force", description: "also over a file that is there" }, ...settingOptions(["configFile"])],
      examples: [
        ["accelerate-ts config default", "then edit the file"],
        ["accelerate-ts config default --num-processes 4", "the defaults but for what is said"],
      ],
      run: async (options, terminal) => (await import("../config/run.js")).runConfigDefault(options, terminal),
    },
    {
      name: "show",
      summary: "print every setting, its value and where it comes from",
      options: [optionOf("configFile"), { flags: "--json", description: "one JSON object on stdout, for programs" }],
      examples: [
        ["accelerate-ts config show", "what a launch in this folder would use"],
        ["accelerate-ts config show --json | jq .settings.numProcesses.value", "for a script"],
      ],
      run: async (options, terminal) => (await import("../config/run.js")).runConfigShow(options, terminal),
    },
    {
      name: "update",
      summary: "add the keys that a file does not have yet; the rest of it stays, comments included",
      options: [target],
      examples: [["accelerate-ts config update", "after an upgrade"]],
      run: async (options, terminal) => (await import("../config/run.js")).runConfigUpdate(options, terminal),
    },
  ],
};
