// accelerate-ts estimate-memory: what a model needs, before anything is trained.
import type { CliCommand } from "../command.js";

export const estimateMemory: CliCommand = {
  name: "estimate-memory",
  summary: "how much memory a model takes: weights, gradients, optimizer state, activations; nothing is run",
  operands: [["<model>", "folder with config.json (weights are not needed), .safetensors or .onnx file, or name of a downloaded model"]],
  options: [
    { flags: "--dtypes <list>", description: "precisions, by commas (default: float32,bfloat16,float16,int8,int4)" },
    { flags: "--batch-size <list>", description: "rows per worker and step, by commas (default: 1,8,32)" },
    { flags: "--sequence-length <list>", description: "tokens per row, by commas (default: 128)" },
    {
      flags: "--optimizer <name>",
      description: "what keeps state (default: adamw)",
      choices: ["adamw", "adam", "sgd", "sgd-momentum", "adafactor", "adagrad", "lion", "rmsprop"],
    },
    { flags: "-n, --num-processes <N>", description: "workers on one machine (default: 1)" },
    { flags: "--device <device>", description: "whose memory: the machine's (cpu, default), or that of each worker's GPU", choices: ["cpu", "cuda", "webgpu"] },
    {
      flags: "--zero <level>",
      description: "1: state once per machine, as this library keeps it (default); 0: each worker all of it, to compare",
      choices: ["0", "1"],
    },
    { flags: "--gradient-accumulation-steps <steps>", description: "more than 1 takes a second set of gradients (default: 1)" },
    { flags: "--train", description: "steps of training (default)" },
    { flags: "--inference", description: "forward alone" },
    { flags: "--json", description: "one JSON object on stdout, for programs; all sizes in bytes" },
  ],
  examples: [
    ["accelerate-ts estimate-memory ./bert-base-cased", "from its config.json"],
    ["accelerate-ts estimate-memory ./model --batch-size 8,16 --sequence-length 128,512 -n 4", "what fits on a machine with 4 workers"],
    ["accelerate-ts estimate-memory ./bert-base-cased --device cuda -n 4", "what each of four GPUs holds"],
    ["accelerate-ts estimate-memory model.onnx --inference --json", "for a script"],
  ],
  run: async (options, terminal, operands) => (await import("../estimate/run.js")).runEstimate(options, operands, terminal),
};
