// accelerate-ts env: what this machine has, what is missing and the command that mends it.
import type { CliCommand } from "../command.js";

export const env: CliCommand = {
  name: "env",
  summary: "show versions, processor, memory, GPUs, settings with their origin, and what is missing",
  options: [{ flags: "--json", description: "one JSON object on stdout, for programs" }],
  examples: [
    ["accelerate-ts env", "for a bug report"],
    ["accelerate-ts env --json | jq .cpu.cores.usable", "for a script"],
  ],
  run: async (options, { stdout }) => {
    const { readEnvironment } = await import("../environment.js");
    const { environmentText } = await import("../environment-text.js");
    const environment = await readEnvironment(process.env, process.cwd());
    stdout.write(options.json ? `${JSON.stringify(environment.report, null, 2)}\n` : environmentText(environment, stdout, process.env));
    return 0;
  },
};
