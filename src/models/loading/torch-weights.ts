// pytorch_model.bin and its shards: what transformers wrote before safetensors. Nothing in them is executed.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { AccelerateError } from "../../errors.js";
import { readShardIndex } from "../../safetensors/index.js";
import type { TorchTensor } from "../../torch-file/index.js";
import type { CheckpointTensor, WeightFile, WeightFiles } from "./checkpoint.js";

export const torchWeightsName = "pytorch_model.bin";
export const torchIndexName = "pytorch_model.bin.index.json";

const widths: Readonly<Record<string, number>> = { float64: 8, int64: 8, float32: 4, int32: 4, float16: 2, bfloat16: 2, int16: 2 };
const described = (name: string, { dtype, shape }: TorchTensor): CheckpointTensor => ({
  name,
  dtype,
  shape,
  bytes: shape.reduce((a, b) => a * b, 1) * (widths[dtype] ?? 1),
});

async function openFile(file: string): Promise<WeightFile> {
  const { readTorchFile } = await import("../../torch-file/index.js");
  const found = await readTorchFile(file);
  return {
    file,
    tensors: new Map([...found].map(([name, tensor]) => [name, described(name, tensor)])),
    readFloat32: async (wanted) => {
      for (const [name, into] of wanted) await found.get(name)!.readFloat32(into);
    },
    close: async () => {},
  };
}

/** Opens the one file, or all that the index names. */
export async function openTorchWeights(folder: string): Promise<WeightFiles> {
  const single = join(folder, torchWeightsName);
  if (existsSync(single)) {
    const file = await openFile(single);
    return { files: [file], homes: new Map([...file.tensors.keys()].map((name) => [name, file])) };
  }
  const { weightMap } = await readShardIndex(folder, torchIndexName);
  const files = new Map<string, WeightFile>();
  for (const name of new Set(weightMap.values())) files.set(name, await openFile(join(folder, name)));
  for (const [tensor, name] of weightMap) {
    if (!files.get(name)!.tensors.has(tensor))
      throw new AccelerateError("ERR_WEIGHTS_NOT_FOUND", `${join(folder, torchIndexName)}: tensor ${tensor} is not in ${basename(name)}`, {
        hint: "download the folder again",
      });
  }
  return { files: [...files.values()], homes: new Map([...weightMap].map(([tensor, name]) => [tensor, files.get(name)!])) };
}
