// An imported model in the form of the file that it came from: the same bytes, but for the numbers that were trained.
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type StagedFile, stageFile } from "../safetensors/stage.js";
import type { OnnxModel } from "./onnx-model.js";

/** The numbers that each parameter and buffer has now. */
async function currentNumbers({ original }: OnnxModel<unknown, unknown>): Promise<(name: string) => Float32Array> {
  const numbers = new Map<string, Float32Array>();
  for (const [name, p] of original.parameters) numbers.set(name, p.values());
  for (const [name, buffer] of original.buffers) numbers.set(name, (await buffer.data()) as Float32Array);
  return (name) => numbers.get(name)!;
}

/** Writes the original file with the weights of now, and those that lie beside it. All of them appear, or none. */
export async function writeBack(model: OnnxModel<unknown, unknown>, file: string): Promise<void> {
  const { copies } = model.original;
  const numbers = await currentNumbers(model);
  const folder = dirname(file);
  const staged: StagedFile[] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const [location, copy] of copies.beside) {
      const path = join(folder, location);
      await mkdir(dirname(path), { recursive: true });
      staged.push(await stageFile(path, copy.filled(numbers)));
    }
    staged.push(await stageFile(file, copies.model.filled(numbers)));
    for (const one of staged) await one.commit();
  } finally {
    for (const one of staged) await one[Symbol.asyncDispose]();
  }
}
