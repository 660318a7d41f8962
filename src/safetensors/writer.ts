// Writes safetensors files: whole or not at all.
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { type DType, dtypes, sizeOf, type TensorData } from "../graph/dtype.js";
import { SafetensorsError } from "./error.js";
import { maxHeaderBytes, type StoredTypeName, storedTypes } from "./header.js";

const storedNames = new Map<DType, StoredTypeName>(
  Object.entries(storedTypes).flatMap(([name, { dtype }]) => (dtype === undefined ? [] : [[dtype, name as StoredTypeName] as const])),
);
/** The data part starts at a multiple of this, and wide types come first, so that every tensor lies aligned to its element size. */
const alignment = 8;

export interface SaveSafetensorsOptions {
  /** Texts for the header; `{ format: "pt" }` unless told, which Python's transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors into one file. The file appears under its name only when all of it is on disk: a crash leaves the old one.
 *
 * @throws SafetensorsError ERR_SAFETENSORS_SIZE when data and shape disagree, ERR_SAFETENSORS_DTYPE when the array is not the
 *   element type's, ERR_SAFETENSORS_NAME for a name that is taken, ERR_SAFETENSORS_HEADER for metadata that is no text
 * @example
 * await saveSafetensors("point.safetensors", new Map([["xy", { dtype: "float32", shape: [2], data: new Float32Array([1, 2]) }]]));
 */
export async function saveSafetensors(
  file: string,
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  options: SaveSafetensorsOptions = {},
): Promise<void> {
  const entries = [...tensors].map(([name, tensor]) => ({ name, tensor }));
  entries.sort((a, b) => dtypes[b.tensor.dtype].bytes - dtypes[a.tensor.dtype].bytes || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const header = encodeHeader(file, entries, options.metadata ?? { format: "pt" });
  await writeWhole(file, [header, ...entries.map(({ tensor: { data } }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))]);
}

function encodeHeader(file: string, entries: readonly { name: string; tensor: TensorData }[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const fields: [string, unknown][] = [["__metadata__", metadata]];
  const odd = Object.entries(metadata).find(([, text]) => typeof text !== "string");
  if (odd)
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `metadata.${odd[0]} is a ${typeof odd[1]}, the format holds texts`, {
      file,
      hint: "write it as text: String(value)",
    });
  const seen = new Set(["__metadata__"]);
  let offset = 0;
  for (const { name, tensor } of entries) {
    if (seen.has(name)) throw new SafetensorsError("ERR_SAFETENSORS_NAME", `the name ${name} is taken`, { file });
    seen.add(name);
    if (tensor.data.length !== sizeOf(tensor.shape)) {
      throw new SafetensorsError("ERR_SAFETENSORS_SIZE", `tensor ${name} of shape [${tensor.shape}] comes with ${tensor.data.length} elements`, { file });
    }
    const { array } = dtypes[tensor.dtype];
    if (!(tensor.data instanceof array))
      throw new SafetensorsError(
        "ERR_SAFETENSORS_DTYPE",
        `tensor ${name} is ${tensor.dtype} and comes in a ${(tensor.data as object).constructor.name}, not in a ${array.name}`,
        { file },
      );
    const end = offset + tensor.data.byteLength;
    fields.push([name, { dtype: storedNames.get(tensor.dtype), shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Entries, not an object: a name such as "7" would be moved to the front, "__proto__" be lost.
  const json = new TextEncoder().encode(`{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`);
  const padded = Math.ceil(json.length / alignment) * alignment;
  if (padded > maxHeaderBytes)
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `the header would take ${padded} bytes, readers accept ${maxHeaderBytes}`, { file });
  const out = new Uint8Array(alignment + padded).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.set(json, alignment);
  return out;
}

/** Writes a file beside its place, forces it to disk, then renames it there. */
export async function writeWhole(file: string, parts: readonly (Uint8Array | string)[]): Promise<void> {
  const temporary = `${file}.tmp-${randomUUID()}`;
  try {
    const handle = await open(temporary, "wx");
    try {
      for (const part of parts) {
        const data = typeof part === "string" ? new TextEncoder().encode(part) : part;
        for (let done = 0; done < data.length; ) done += (await handle.write(data, done, Math.min(data.length - done, 1 << 30))).bytesWritten;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
