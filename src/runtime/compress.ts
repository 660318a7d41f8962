// The typed face of the addon's compression of gradients (src/native/compress_binding.cc).
import type { Engine } from "./engine.js";

/** TensorProto.DataType of the 16-bit floats. */
export const halfFormats = { fp16: 10, bf16: 16 } as const;

/**
 * Jobs on the native run thread, in the order of the calls. A matrix lies row by row; k vectors lie one behind the other: `left` k x rows, `right` k x cols.
 */
export interface CompressKernels {
  /** Rounded to nearest even; to float16, beyond 65504 infinite. */
  narrow(format: number, out: Uint16Array, from: Float32Array): Promise<void>;
  widen(format: number, out: Float32Array, from: Uint16Array): Promise<void>;
  /** left = matrix * right */
  project(matrix: Float32Array, rows: number, cols: number, k: number, left: Float32Array, right: Float32Array): Promise<void>;
  /** right = matrix^T * left */
  projectBack(matrix: Float32Array, rows: number, cols: number, k: number, left: Float32Array, right: Float32Array): Promise<void>;
  /** matrix = left * right^T, the same bits on every processor; error becomes what the matrix was before less `part` of what it is now. */
  rebuild(
    matrix: Float32Array,
    rows: number,
    cols: number,
    k: number,
    left: Float32Array,
    right: Float32Array,
    error: Float32Array | undefined,
    part: number,
  ): Promise<void>;
}

declare module "../native/binding.js" {
  interface NativeBinding {
    readonly compressKernels: CompressKernels;
  }
}

export const compressKernelsOf = (engine: Engine): CompressKernels => engine.native.compressKernels;
