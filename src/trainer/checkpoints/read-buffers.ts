// Persistent buffers of a model, which have any dtype, out of the safetensors files of a folder.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ModuleBase } from "../../nn/index.js";
import { indexName, openShards, SafetensorsFile, weightsName } from "../../safetensors/index.js";

/** Buffers that the files do not have, or have in another form, stay as they are. */
export async function readBuffers(model: ModuleBase, folder: string): Promise<void> {
  const buffers = [...model.namedBuffers({ persistentOnly: true })];
  if (buffers.length === 0) return;
  const files: SafetensorsFile[] = [];
  if (existsSync(join(folder, weightsName))) files.push(await SafetensorsFile.open(join(folder, weightsName)));
  else if (existsSync(join(folder, indexName))) files.push(...(await openShards(folder)).shards.values());
  try {
    for (const [name, buffer] of buffers) {
      const home = files.find((file) => file.tensors.has(name));
      if (!home || home.tensors.get(name)!.shape.join() !== buffer.shape.join()) continue;
      const data = await buffer.data();
      const { data: read } = await home.read(name);
      if (read.constructor === data.constructor) (data as Uint8Array).set(read as Uint8Array);
    }
  } finally {
    for (const file of files) await file.close();
  }
}
