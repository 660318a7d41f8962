// Element types: their sizes, typed arrays and ONNX numbers, in one table.
import { numberToBfloat16, numberToFloat16 } from "./half.js";

export interface DTypeArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
}
export type DType = keyof DTypeArrays;
export type TypedArray = DTypeArrays[DType];

interface DTypeInfo<D extends DType> {
  /** Bytes per element. */
  readonly bytes: number;
  readonly kind: "float" | "int" | "bool";
  /** TensorProto.DataType of onnx.proto, and ONNXTensorElementDataType of the C API: the same numbers. */
  readonly onnx: number;
  readonly array: new (length: number | ArrayBufferLike, byteOffset?: number, elements?: number) => DTypeArrays[D];
}

export const dtypes: { readonly [D in DType]: DTypeInfo<D> } = {
  float32: { bytes: 4, kind: "float", onnx: 1, array: Float32Array as DTypeInfo<"float32">["array"] },
  uint8: { bytes: 1, kind: "int", onnx: 2, array: Uint8Array as DTypeInfo<"uint8">["array"] },
  int8: { bytes: 1, kind: "int", onnx: 3, array: Int8Array as DTypeInfo<"int8">["array"] },
  int32: { bytes: 4, kind: "int", onnx: 6, array: Int32Array as DTypeInfo<"int32">["array"] },
  int64: { bytes: 8, kind: "int", onnx: 7, array: BigInt64Array as DTypeInfo<"int64">["array"] },
  bool: { bytes: 1, kind: "bool", onnx: 9, array: Uint8Array as DTypeInfo<"bool">["array"] },
  float16: { bytes: 2, kind: "float", onnx: 10, array: Uint16Array as DTypeInfo<"float16">["array"] },
  float64: { bytes: 8, kind: "float", onnx: 11, array: Float64Array as DTypeInfo<"float64">["array"] },
  bfloat16: { bytes: 2, kind: "float", onnx: 16, array: Uint16Array as DTypeInfo<"bfloat16">["array"] },
};

const byOnnx = new Map(Object.entries(dtypes).map(([name, info]) => [info.onnx, name as DType]));
export const dtypeFromOnnx = (onnx: number): DType | undefined => byOnnx.get(onnx);
export const isFloat = (dtype: DType): boolean => dtypes[dtype].kind === "float";

/** Numbers held in memory: row-major, contiguous. */
export interface TensorData<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DTypeArrays[D];
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

const encoders: { readonly [D in DType]?: (value: number) => number } = { float16: numberToFloat16, bfloat16: numberToBfloat16 };

/** A typed array of the dtype with the given numbers, converted: int64 to bigint, float16 and bfloat16 to their bits. */
export function typedArray<D extends DType>(dtype: D, values: ArrayLike<number>): DTypeArrays[D] {
  const out = new dtypes[dtype].array(values.length);
  if (out instanceof BigInt64Array) for (let i = 0; i < values.length; i++) out[i] = BigInt(values[i]!);
  else {
    const encode = encoders[dtype];
    for (let i = 0; i < values.length; i++) out[i] = encode ? encode(values[i]!) : values[i]!;
  }
  return out;
}
