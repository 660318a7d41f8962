// The header of a safetensors file: u64 length, JSON, and the rules that make every byte of the data belong to one tensor.
import type { DType } from "../graph/dtype.js";
import { SafetensorsError } from "./error.js";
import { repeatedKey } from "./json-keys.js";

interface StoredType {
  /** Bytes per element; small floats are packed. */
  readonly bytes: number;
  /** Our element type; undefined: known to the format, but not readable here. */
  readonly dtype: DType | undefined;
}

/** Element types of the format, by the names used in files. */
export const storedTypes = {
  F64: { bytes: 8, dtype: "float64" },
  F32: { bytes: 4, dtype: "float32" },
  F16: { bytes: 2, dtype: "float16" },
  BF16: { bytes: 2, dtype: "bfloat16" },
  I64: { bytes: 8, dtype: "int64" },
  I32: { bytes: 4, dtype: "int32" },
  I8: { bytes: 1, dtype: "int8" },
  U8: { bytes: 1, dtype: "uint8" },
  BOOL: { bytes: 1, dtype: "bool" },
  I16: { bytes: 2, dtype: undefined },
  U16: { bytes: 2, dtype: undefined },
  U32: { bytes: 4, dtype: undefined },
  U64: { bytes: 8, dtype: undefined },
  C64: { bytes: 8, dtype: undefined },
  F8_E4M3: { bytes: 1, dtype: undefined },
  F8_E5M2: { bytes: 1, dtype: undefined },
  F8_E8M0: { bytes: 1, dtype: undefined },
  F8_E4M3FNUZ: { bytes: 1, dtype: undefined },
  F8_E5M2FNUZ: { bytes: 1, dtype: undefined },
  F6_E2M3: { bytes: 0.75, dtype: undefined },
  F6_E3M2: { bytes: 0.75, dtype: undefined },
  F4: { bytes: 0.5, dtype: undefined },
} as const satisfies Record<string, StoredType>;
export type StoredTypeName = keyof typeof storedTypes;

/** Where a tensor lies in a file; offsets are bytes from the start of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly stored: StoredTypeName;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** Longest header accepted, in bytes: the limit of the format's own library (safetensors in Rust and Python). */
export const maxHeaderBytes = 100_000_000;
/** Bytes of the length in front of the JSON. */
export const lengthBytes = 8;

const bytes = (n: number): string => n.toLocaleString("en-US");
const isSize = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0 && !Object.is(x, -0);
/** Whether half of a surrogate pair stands alone in a text: UTF-8 cannot say it. */
export const isTorn = (text: string): boolean => /\p{Surrogate}/u.test(text);
/** What a file says, short enough for a message. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Length of the JSON from the first eight bytes of a file of `fileBytes` bytes. */
export function headerLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (fileBytes < lengthBytes || prefix.length < lengthBytes) {
    throw new SafetensorsError("ERR_SAFETENSORS_TRUNCATED", `${bytes(fileBytes)} bytes are no safetensors file, its header length alone takes ${lengthBytes}`, {
      file,
      offset: 0,
      hint: "the file is cut off; download it again",
    });
  }
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, lengthBytes).getBigUint64(0, true));
  if (length > maxHeaderBytes) {
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `the header claims ${bytes(length)} bytes, more than the ${bytes(maxHeaderBytes)} that are accepted`, {
      file,
      offset: 0,
      hint: "this is no safetensors file, or it is damaged",
    });
  }
  if (lengthBytes + length > fileBytes) {
    throw new SafetensorsError("ERR_SAFETENSORS_TRUNCATED", `the header ends at byte ${bytes(lengthBytes + length)} of a file of ${bytes(fileBytes)}`, {
      file,
      offset: fileBytes,
      hint: "the file is cut off; download it again",
    });
  }
  return length;
}

/** The header's tensors and metadata; `json` is what lies between the length and the data. */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const dataStart = lengthBytes + json.length;
  const bad = (message: string, cause?: unknown) =>
    new SafetensorsError("ERR_SAFETENSORS_HEADER", message, { file, offset: lengthBytes, cause, hint: "this is no safetensors file, or it is damaged" });
  let parsed: unknown;
  let twice: string | undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
    twice = repeatedKey(text);
    parsed = JSON.parse(text);
  } catch (cause) {
    throw bad("the header is not JSON", cause);
  }
  if (twice !== undefined) throw new SafetensorsError("ERR_SAFETENSORS_NAME", `the header has the key ${shown(twice)} twice`, { file, offset: lengthBytes });
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw bad("the header is not a JSON object");
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(parsed)) {
    if (isTorn(name)) throw bad(`the name ${shown(JSON.stringify(name))} is no Unicode`);
    if (name !== "__metadata__") {
      tensors.set(name, parseEntry(name, value, dataStart, file));
      continue;
    }
    if (value === null) continue;
    if (typeof value !== "object" || Array.isArray(value)) throw bad("__metadata__ is not an object of strings");
    for (const [key, text] of Object.entries(value as Record<string, unknown>)) {
      if (typeof text !== "string") throw bad(`__metadata__.${shown(key)} is not a string`);
      metadata[key] = text;
    }
  }
  checkLayout([...tensors.values()], dataStart, fileBytes, file);
  return { metadata, tensors };
}

function parseEntry(name: string, value: unknown, dataStart: number, file: string): TensorEntry {
  const at = { file, offset: lengthBytes };
  const tensor = `tensor ${shown(name)}`;
  const { dtype, shape, data_offsets: offsets } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof dtype !== "string" || !Object.hasOwn(storedTypes, dtype)) {
    throw new SafetensorsError(
      "ERR_SAFETENSORS_DTYPE",
      `${tensor} has the unknown element type ${shown(dtype === undefined ? dtype : JSON.stringify(dtype))}`,
      at,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new SafetensorsError("ERR_SAFETENSORS_HEADER", `${tensor} has the shape ${shown(shape)}, not a list of sizes`, at);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0]! > offsets[1]!) {
    throw new SafetensorsError("ERR_SAFETENSORS_OFFSETS", `${tensor} has the data_offsets ${shown(offsets)}, not a begin and an end`, at);
  }
  const stored = dtype as StoredTypeName;
  const [begin, end] = offsets as [number, number];
  const needed = shape.reduce((a, b) => a * b, storedTypes[stored].bytes);
  if (end - begin !== needed) {
    throw new SafetensorsError(
      "ERR_SAFETENSORS_SIZE",
      `${tensor} of shape ${shown(shape)} and type ${stored} takes ${bytes(needed)} bytes, its offsets say ${bytes(end - begin)}`,
      {
        file,
        offset: dataStart + begin,
      },
    );
  }
  return { name, stored, shape: Object.freeze(shape as number[]), begin: dataStart + begin, end: dataStart + end };
}

/** The format's rule: the tensors fill the data part without overlap, hole or rest. */
function checkLayout(entries: TensorEntry[], dataStart: number, fileBytes: number, file: string): void {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = dataStart;
  for (const { name, begin, end } of entries) {
    if (end > fileBytes) {
      throw new SafetensorsError("ERR_SAFETENSORS_TRUNCATED", `tensor ${shown(name)} ends at byte ${bytes(end)} of a file of ${bytes(fileBytes)}`, {
        file,
        offset: fileBytes,
        hint: "the file is cut off; download it again",
      });
    }
    if (begin !== position) {
      const how = begin < position ? "overlaps the tensor before it" : "leaves a hole behind the tensor before it";
      throw new SafetensorsError(
        "ERR_SAFETENSORS_OFFSETS",
        `tensor ${shown(name)} starts at byte ${bytes(begin)} and ${how}, which ends at ${bytes(position)}`,
        {
          file,
          offset: begin,
        },
      );
    }
    position = end;
  }
  if (position !== fileBytes) {
    throw new SafetensorsError(
      "ERR_SAFETENSORS_OFFSETS",
      `the tensors end at byte ${bytes(position)} of a file of ${bytes(fileBytes)}, the rest belongs to none`,
      { file, offset: position },
    );
  }
}
