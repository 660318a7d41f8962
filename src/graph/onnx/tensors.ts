// TensorProto to numbers: raw_data, the typed fields, and data in other files.
import type protobuf from "protobufjs/minimal.js";
import { type DType, dtypeFromOnnx, dtypes, type TensorData, type TypedArray } from "../dtype.js";
import { unpack } from "./decode.js";
import { OnnxError } from "./errors.js";
import type { PackedChunk, TensorProto } from "./schema.js";

/** The bytes of a file that a tensor's data lies in, by the location that the model names. */
export type ExternalData = (location: string) => Uint8Array;

interface TypedField {
  readonly chunks: (tensor: TensorProto) => readonly PackedChunk[] | undefined;
  readonly put: (reader: protobuf.Reader, out: TypedArray, i: number) => void;
}
const int32: TypedField = {
  chunks: (t) => t.int32Data,
  put: (reader, out, i) => {
    out[i] = reader.int32();
  },
};
/** Which typed field holds the numbers of a dtype. */
const typedFields: { readonly [D in DType]: TypedField } = {
  float32: {
    chunks: (t) => t.floatData,
    put: (reader, out, i) => {
      out[i] = reader.float();
    },
  },
  float64: {
    chunks: (t) => t.doubleData,
    put: (reader, out, i) => {
      out[i] = reader.double();
    },
  },
  int64: {
    chunks: (t) => t.int64Data,
    put: (reader, out, i) => {
      const long = reader.int64();
      (out as BigInt64Array)[i] = BigInt.asIntN(64, (BigInt(long.high) << 32n) | BigInt(long.low >>> 0));
    },
  },
  int32,
  int8: int32,
  uint8: int32,
  bool: int32,
  float16: int32,
  bfloat16: int32,
};

/** Bytes that hold numbers of a tensor. */
export interface TensorPlace {
  /** The other file that they lie in; undefined: the model's own. */
  readonly location: string | undefined;
  readonly offset: number;
  readonly length: number;
}

/** Where the numbers of a tensor lie that was read from the bytes of its model. Together the places are as long as the numbers where these take as many bytes in the file as in memory. */
export function placesOf(tensor: TensorProto, model: Uint8Array): readonly TensorPlace[] {
  if (tensor.dataLocation === 1) {
    const { location, from, length } = described(tensor);
    return [{ location, offset: from, length: length ?? byteLength(tensor) }];
  }
  const { rawData } = tensor;
  if (rawData) return [{ location: undefined, offset: rawData.byteOffset - model.byteOffset, length: rawData.length }];
  const dtype = dtypeFromOnnx(tensor.dataType ?? 0);
  return ((dtype && typedFields[dtype].chunks(tensor)) ?? []).map(({ bytes, offset }) => ({ location: undefined, offset, length: bytes.length }));
}
const byteLength = ({ dims = [], dataType = 0 }: TensorProto): number => dims.reduce((a, b) => a * b, dtypes[dtypeFromOnnx(dataType)!].bytes);

/** Bytes in the file's (little-endian) order as aligned numbers of their own. */
function fromBytes(dtype: DType, bytes: Uint8Array, count: number): TypedArray {
  const out = new dtypes[dtype].array(count);
  new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
  return out;
}

/** What a tensor says of its place in another file. */
function described(tensor: TensorProto): { readonly location: string | undefined; readonly from: number; readonly length: number | undefined } {
  const entries = new Map((tensor.externalData ?? []).map((e) => [e.key ?? "", e.value ?? ""]));
  const length = entries.get("length");
  return { location: entries.get("location"), from: Number(entries.get("offset") ?? 0), length: length === undefined ? undefined : Number(length) };
}

function external(tensor: TensorProto, bytes: number, read: ExternalData | undefined, at: number): Uint8Array {
  const { location, from, length = bytes } = described(tensor);
  if (!location || !Number.isSafeInteger(from) || from < 0 || length !== bytes)
    throw new OnnxError("ERR_ONNX_MALFORMED", `the external data of ${tensor.name ?? "a tensor"} is not described rightly`, at);
  if (!read)
    throw new OnnxError("ERR_ONNX_EXTERNAL", `the numbers of ${tensor.name ?? "a tensor"} lie in ${JSON.stringify(location)}`, at, {
      hint: "give the option externalData",
    });
  const file = read(location);
  if (from + bytes > file.length)
    throw new OnnxError("ERR_ONNX_EXTERNAL", `${JSON.stringify(location)} has ${file.length} bytes, ${tensor.name ?? "a tensor"} needs ${from + bytes}`, at);
  return file.subarray(from, from + bytes);
}

/** The numbers of a tensor. Nothing is allocated before the file is known to hold that many. */
export function readTensor(tensor: TensorProto, at: number, read?: ExternalData): TensorData {
  const name = tensor.name ? `tensor ${tensor.name}` : "a tensor";
  const dtype = dtypeFromOnnx(tensor.dataType ?? 0);
  if (!dtype)
    throw new OnnxError("ERR_ONNX_DTYPE", `${name} has data type ${tensor.dataType ?? 0}`, at, { hint: `known are ${Object.keys(dtypes).join(", ")}` });
  const shape = tensor.dims ?? [];
  let count = 1;
  for (const d of shape) count = Number.isSafeInteger(d) && d >= 0 ? count * d : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new OnnxError("ERR_ONNX_MALFORMED", `${name} has the impossible shape [${shape.join(", ")}]`, at);
  const bytes = count * dtypes[dtype].bytes;
  const wrong = (has: string) => new OnnxError("ERR_ONNX_MALFORMED", `${name} ${dtype}[${shape.join(", ")}] needs ${bytes} bytes, ${has}`, at);

  if (tensor.dataLocation === 1) return { dtype, shape, data: fromBytes(dtype, external(tensor, bytes, read, at), count) };
  if (tensor.rawData) {
    if (tensor.rawData.length !== bytes) throw wrong(`its raw_data has ${tensor.rawData.length}`);
    return { dtype, shape, data: fromBytes(dtype, tensor.rawData, count) };
  }
  const field = typedFields[dtype];
  const chunks = field.chunks(tensor) ?? [];
  // A number takes at least one byte of the file.
  const available = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  if (count > available) throw wrong(`its list has ${available}`);
  const data = new dtypes[dtype].array(count);
  if (!unpack(chunks, count, (reader, i) => field.put(reader, data, i))) throw wrong("its list has another count");
  return { dtype, shape, data };
}
