// The addon's single kernels, as the tests call them (src/native/kernels/kernel_binding.cc).
import { Engine } from "../../src/runtime/index.js";

export type Floats = Float32Array | Float64Array;

/** A rule over values, gradients and up to three states. */
export type RuleKernel = (
  values: Float32Array,
  gradients: Float32Array,
  a: Float32Array,
  b: Float32Array | undefined,
  c: Float32Array | undefined,
  row: Float64Array,
  threads: number,
  isa: number,
) => Promise<number>;

export interface TestKernels {
  /** The best instruction set of this processor: 0 portable, 1 AVX2, 2 AVX-512. */
  readonly isa: number;
  /** Until it is called again, custom ops run as on a processor without what is above `isa`, and as with so many threads; -1 and 0: as it is. */
  limit(isa: number, threads: number): void;
  dropout(x: Floats, key: BigInt64Array, site: number, ratio: number, dims: BigInt64Array, y: Floats, threads: number, isa: number): Promise<number>;
  embeddingGrad(
    indices: Int32Array | BigInt64Array,
    dy: Floats,
    outer: number,
    rows: number,
    inner: number,
    padding: number,
    out: Floats,
    threads: number,
  ): Promise<number>;
  adam(values: Float32Array, gradients: Float32Array, m: Float32Array, v: Float32Array, row: Float64Array, threads: number, isa: number): Promise<number>;
  rmsprop: RuleKernel;
  adagrad: RuleKernel;
  lion: RuleKernel;
  /** One factored parameter of `matrices` times `rows` rows. */
  adafactor(
    values: Float32Array,
    gradients: Float32Array,
    rowMeans: Float32Array,
    columnMeans: Float32Array,
    average: Float32Array | undefined,
    rms: Float32Array,
    matrices: number,
    rows: number,
    row: Float64Array,
    threads: number,
    isa: number,
  ): Promise<number>;
  squares(data: Float32Array, threads: number, isa: number): Promise<number>;
  copy(into: ArrayBufferView, from: ArrayBufferView): Promise<number>;
  philox(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): number[];
}

export const testKernels = (): TestKernels => (Engine.default().native as unknown as { readonly testKernels: TestKernels }).testKernels;

/** Every instruction set that this processor has. */
export const instructionSets = (): number[] => Array.from({ length: testKernels().isa + 1 }, (_, i) => i);
