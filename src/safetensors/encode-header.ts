// The header of a safetensors file that is to be written: where each tensor goes, and the JSON that says so.
import { sizeOf } from "../graph/dtype.js";
import { SafetensorsError } from "./error.js";
import { isTorn, maxHeaderBytes, type StoredTypeName, storedTypes } from "./header.js";

/** The data part starts at a multiple of this, and wide types come first, so that every tensor lies aligned to its element size. */
const alignment = 8;

export interface HeaderEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly stored: StoredTypeName;
}

/** Bytes of a tensor's data. */
export const entryBytes = ({ shape, stored }: HeaderEntry): number => sizeOf(shape) * storedTypes[stored].bytes;

/** The bytes in front of the data, and the tensors in the order in which their data follows. */
export function encodeHeader<E extends HeaderEntry>(
  file: string,
  given: readonly E[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): { readonly header: Uint8Array; readonly entries: readonly E[] } {
  const odd = Object.entries(metadata).find(([, text]) => typeof text !== "string");
  if (odd)
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `metadata.${odd[0]} is a ${typeof odd[1]}, the format holds texts`, {
      file,
      hint: "write it as text: String(value)",
    });
  const width = ({ stored }: E): number => storedTypes[stored].bytes;
  const entries = [...given].sort((a, b) => width(b) - width(a) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const fields: [string, unknown][] = [["__metadata__", metadata]];
  const seen = new Set(["__metadata__"]);
  let offset = 0;
  for (const entry of entries) {
    const { name, shape, stored } = entry;
    if (seen.has(name)) throw new SafetensorsError("ERR_SAFETENSORS_NAME", `the name ${name} is taken`, { file });
    if (isTorn(name))
      throw new SafetensorsError("ERR_SAFETENSORS_NAME", `the name ${JSON.stringify(name)} is no Unicode: half of a surrogate pair stands alone`, { file });
    seen.add(name);
    const end = offset + entryBytes(entry);
    fields.push([name, { dtype: stored, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Entries, not an object: a name such as "7" would be moved to the front, "__proto__" be lost.
  const json = new TextEncoder().encode(`{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`);
  const padded = Math.ceil(json.length / alignment) * alignment;
  if (padded > maxHeaderBytes)
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `the header would take ${padded} bytes, readers accept ${maxHeaderBytes}`, { file });
  const header = new Uint8Array(alignment + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, alignment);
  return { header, entries };
}
