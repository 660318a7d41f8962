// accelerate-ts install: parts that are too large for npm.
import type { CliCommand } from "../command.js";
import { UsageError } from "../usage.js";

export const install: CliCommand = {
  name: "install",
  summary: "install what does not come with npm: cuda",
  options: [],
  examples: [["accelerate-ts install cuda", "for training on NVIDIA's GPUs"]],
  run: async () => {
    throw new UsageError("install what? accelerate-ts install cuda");
  },
  commands: [
    {
      name: "cuda",
      summary: "put ONNX Runtime's CUDA provider in place, of the version of the package onnxruntime-node, and tell which CUDA libraries are missing",
      options: [
        { flags: "--from <file>", description: "take it from this wheel of onnxruntime-gpu (.whl); nothing is downloaded", completes: "file" },
        {
          flags: "--method <how>",
          description: "pip: from the wheel on PyPI, for CUDA 13 (default); npm: by onnxruntime-node's own script, from NuGet, for CUDA 12",
          choices: ["pip", "npm"],
        },
        { flags: "--uninstall", description: "remove what was installed, and bring back what was there before" },
        {
          flags: "--into <folder>",
          description: "where libonnxruntime lies (default: the package's own folder; ACCELERATE_TS_ONNXRUNTIME)",
          completes: "folder",
        },
        { flags: "--with-tensorrt", description: "the wheel's TensorRT provider, too; training does not use it" },
        { flags: "--force", description: "also where another provider is already there; it is kept aside" },
        { flags: "--json", description: "one JSON object on stdout, for programs" },
      ],
      examples: [
        ["accelerate-ts install cuda", "download and install; the same again checks what is there"],
        ["accelerate-ts install cuda --from onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl", "on a machine without network"],
        ["accelerate-ts install cuda --uninstall", "as it was before"],
      ],
      run: async (options, terminal) => (await import("../install/cuda.js")).runInstallCuda(options, terminal),
    },
  ],
};
