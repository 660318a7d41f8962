// accelerate-ts merge-weights: the shards of a model in one file.
import type { CliCommand } from "../command.js";

export const mergeWeights: CliCommand = {
  name: "merge-weights",
  summary: "make one model.safetensors of a model's shards",
  operands: [
    ["<folder>", "where model.safetensors.index.json and its shards lie, or a whole model.safetensors"],
    ["<out>", "the file to write (.safetensors), or the folder for model.safetensors"],
  ],
  options: [
    { flags: "--force", description: "write over a file that is there" },
    { flags: "--json", description: "one JSON object on stdout, for programs" },
  ],
  examples: [
    ["accelerate-ts merge-weights sharded-model merged", "writes merged/model.safetensors"],
    ["accelerate-ts merge-weights sharded-model weights.safetensors --force", "in the place of an older one"],
  ],
  run: async (options, terminal, operands) => (await import("../merge/run.js")).runMergeWeights(options, operands, terminal),
};
