// accelerate-ts graph: what the compiler makes of a model, pass by pass.
import { passNames } from "../../src/graph/passes/names.js";
import type { CliCommand } from "../command.js";

export const graph: CliCommand = {
  name: "graph",
  summary: "what the compiler makes of a model's training step: nodes, operations and memory traffic before and after each pass; nothing is run",
  operands: [["<model>", "folder with config.json (weights are not needed), or name of a downloaded model"]],
  options: [
    { flags: "--pass <name>", description: "one pass alone, beside all others: with it and without", choices: passNames },
    {
      flags: "--device <device>",
      description: "the program for a device beside that for the processor: ops without a kernel there are put into others",
      choices: ["cuda", "webgpu"],
    },
    { flags: "--mixed-precision <type>", description: "with --device, what products are computed in (default: no)", choices: ["no", "fp16", "bf16"] },
    { flags: "--batch-size <rows>", description: "rows of a step (default: 16)" },
    { flags: "--sequence-length <tokens>", description: "tokens of a row, padding among them (default: 128)" },
    { flags: "--filled <part>", description: "part of the tokens that are no padding, 0 to 1 (default: 0.5)" },
    { flags: "--inference", description: "forward alone" },
    { flags: "--json", description: "one JSON object on stdout, for programs" },
  ],
  examples: [
    ["accelerate-ts graph ./bert-base-cased", "all passes, one after the other"],
    ["accelerate-ts graph ./bert-base-cased --pass unpad --filled 0.4", "what packing the rows saves when 60 % are padding"],
    ["accelerate-ts graph ./bert-base-cased --device webgpu", "which ops a GPU computes instead"],
  ],
  run: async (options, terminal, operands) => (await import("../graph/run.js")).runGraph(options, operands, terminal),
};
