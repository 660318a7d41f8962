// An imported model in the form of the file that it came from: the same bytes, but for the numbers that were trained.
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { relocate } from "../graph/onnx/relocate.js";
import { type StagedFile, stageFile } from "../safetensors/stage.js";
import type { OnnxModel } from "./onnx-model.js";
import { turned } from "./ties.js";

/** The numbers that each parameter and buffer has now. */
async function currentNumbers({ original }: OnnxModel<unknown, unknown>): Promise<(name: string) => Float32Array> {
  const numbers = new Map<string, Float32Array>();
  for (const [name, p] of original.parameters) numbers.set(name, p.values());
  for (const [name, of] of original.turned) {
    const [rows, columns] = original.parameters.get(of)!.shape as readonly [number, number];
    numbers.set(name, turned(numbers.get(of)!, rows, columns));
  }
  for (const [name, buffer] of original.buffers) numbers.set(name, (await buffer.data()) as Float32Array);
  return (name) => numbers.get(name)!;
}

/**
 * What a file beside the model is called when the model gets another name: `model.onnx_data` becomes `tuned.onnx_data`, `weights.bin` becomes `tuned.onnx.weights.bin`. So the
 * original's own weights stay what they are.
 */
function locationFor(location: string, original: string, file: string): string {
  const [from, to] = [basename(original), basename(file)];
  if (from === to) return location;
  const name = basename(location);
  return join(dirname(location), name.startsWith(from) ? `${to}${name.slice(from.length)}` : `${to}.${name}`);
}

/** Writes the original file with the weights of now, and those that lie beside it. All of them appear, or none. */
export async function writeBack(model: OnnxModel<unknown, unknown>, file: string): Promise<void> {
  const { copies, file: original } = model.original;
  const rename = (location: string) => locationFor(location, original, file);
  const numbers = await currentNumbers(model);
  const folder = dirname(file);
  const staged: StagedFile[] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const [location, copy] of copies.beside) {
      const path = join(folder, rename(location));
      await mkdir(dirname(path), { recursive: true });
      staged.push(await stageFile(path, copy.filled(numbers)));
    }
    const parts = copies.model.filled(numbers);
    // A model with weights beside it is small.
    staged.push(await stageFile(file, copies.beside.size > 0 ? [relocate(Buffer.concat([...parts]), rename)] : parts));
    for (const one of staged) await one.commit();
  } finally {
    for (const one of staged) await one[Symbol.asyncDispose]();
  }
}
