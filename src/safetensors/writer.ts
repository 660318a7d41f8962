// Writes safetensors files: whole or not at all.
import { type DType, dtypes, sizeOf, type TensorData } from "../graph/dtype.js";
import { SafetensorsError } from "./error.js";
import { type HeaderEntry, encodeHeader } from "./encode-header.js";
import { type StoredTypeName, storedTypes } from "./header.js";
import { writeWhole } from "./stage.js";

const storedNames = new Map<DType, StoredTypeName>(
  Object.entries(storedTypes).flatMap(([name, { dtype }]) => (dtype === undefined ? [] : [[dtype, name as StoredTypeName] as const])),
);

export interface SaveSafetensorsOptions {
  /** Texts for the header; `{ format: "pt" }` unless told, which Python's transformers asks for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A tensor's place in the header, after a look at its data. */
function entryOf(file: string, name: string, { dtype, shape, data }: TensorData): HeaderEntry {
  if (data.length !== sizeOf(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new SafetensorsError("ERR_SAFETENSORS_SIZE", `tensor ${name} of shape [${shape}] comes with ${data.length} elements`, { file });
  const { array } = dtypes[dtype];
  if (!(data instanceof array))
    throw new SafetensorsError(
      "ERR_SAFETENSORS_DTYPE",
      `tensor ${name} is ${dtype} and comes in a ${(data as object).constructor.name}, not in a ${array.name}`,
      {
        file,
      },
    );
  return { name, shape, stored: storedNames.get(dtype)! };
}

/** The bytes of a file of these tensors, as live views. */
export function safetensorsParts(file: string, tensors: Iterable<readonly [string, TensorData]>, { metadata }: SaveSafetensorsOptions): Uint8Array[] {
  const all = [...tensors].map(([name, tensor]) => ({ entry: entryOf(file, name, tensor), tensor }));
  const data = new Map(all.map(({ entry, tensor }) => [entry, tensor.data]));
  const { header, entries } = encodeHeader(
    file,
    all.map(({ entry }) => entry),
    metadata,
  );
  const views = entries.map((entry) => data.get(entry)!);
  return [header, ...views.map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength))];
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
  await writeWhole(file, safetensorsParts(file, tensors, options));
}
