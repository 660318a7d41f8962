// accelerate-ts completion: a script that teaches a shell the commands and their flags.
import type { CliCommand } from "../command.js";
import { UsageError } from "../usage.js";

const shells = ["bash", "zsh", "fish"] as const;

export const completion: CliCommand = {
  name: "completion",
  summary: "print a script that completes commands and flags in bash, zsh or fish",
  options: [],
  operands: [["<shell>", shells.join(", ")]],
  examples: [
    ['eval "$(accelerate-ts completion bash)"', "in ~/.bashrc"],
    ["accelerate-ts completion fish > ~/.config/fish/completions/accelerate-ts.fish", "for fish"],
  ],
  run: async (_options, { stdout }, [shell, ...rest]) => {
    const known = shells.find((name) => name === shell);
    if (known === undefined || rest.length > 0) throw new UsageError(`completion is there for ${shells.join(", ")}: accelerate-ts completion bash`);
    const { completionScript } = await import("../completion/scripts.js");
    const { commands } = await import("./index.js");
    stdout.write(completionScript(known, commands));
    return 0;
  },
};
