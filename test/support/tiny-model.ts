// Encodes small ONNX models by hand, so that tests of the engine stand on nothing but the engine.
import { type DType, dtypes } from "../../src/graph/dtype.js";

export interface TinySlot {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly (number | string)[];
}

export interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly name?: string;
  readonly domain?: string;
  /** Whole numbers become INT attributes, { float } FLOAT ones. */
  readonly attributes?: { readonly [name: string]: number | { readonly float: number } };
}

export interface TinyModel {
  readonly inputs: readonly TinySlot[];
  readonly outputs: readonly TinySlot[];
  readonly nodes: readonly TinyNode[];
}

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  // Negative numbers travel as 64-bit two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
};
const message = (field: number, bytes: readonly number[]): number[] => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
const text = (field: number, value: string): number[] => message(field, [...new TextEncoder().encode(value)]);
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];

const attribute = (name: string, value: number | { readonly float: number }): number[] =>
  typeof value === "number"
    ? [...text(1, name), ...number(3, value), ...number(20, 2)]
    : [...text(1, name), ...varint(2 * 8 + 5), ...new Uint8Array(new Float32Array([value.float]).buffer), ...number(20, 1)];

const node = ({ op, inputs, outputs, name = "", domain = "", attributes = {} }: TinyNode): number[] => [
  ...inputs.flatMap((input) => text(1, input)),
  ...outputs.flatMap((output) => text(2, output)),
  ...text(3, name),
  ...text(4, op),
  ...Object.entries(attributes).flatMap(([key, value]) => message(5, attribute(key, value))),
  ...text(7, domain),
];

const valueInfo = ({ name, dtype, shape }: TinySlot): number[] => {
  const dims = shape.flatMap((dim) => message(1, typeof dim === "number" ? number(1, dim) : text(2, dim)));
  return [...text(1, name), ...message(2, message(1, [...number(1, dtypes[dtype].onnx), ...message(2, dims)]))];
};

const opset = (domain: string, version: number): number[] => [...text(1, domain), ...number(2, version)];

/** A ModelProto with opset 20 and the domain accelerate_ts. */
export function tinyModel({ inputs, outputs, nodes }: TinyModel): Uint8Array {
  const graph = [
    ...nodes.flatMap((entry) => message(1, node(entry))),
    ...text(2, "tiny"),
    ...inputs.flatMap((slot) => message(11, valueInfo(slot))),
    ...outputs.flatMap((slot) => message(12, valueInfo(slot))),
  ];
  return new Uint8Array([
    ...number(1, 9),
    ...message(7, graph),
    ...message(8, opset("", 20)),
    ...message(8, opset("accelerate_ts", 1)),
    ...message(8, opset("com.microsoft", 1)),
  ]);
}

/** y = a + b, any length. */
export const addModel = (): Uint8Array =>
  tinyModel({
    inputs: [
      { name: "a", dtype: "float32", shape: ["n"] },
      { name: "b", dtype: "float32", shape: ["n"] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: ["n"] }],
    nodes: [{ op: "Add", inputs: ["a", "b"], outputs: ["y"], name: "the_sum" }],
  });

/** y = x W W W ..., a chain of square products that takes a while: about 2 * size^3 * steps floating point operations. */
export const slowModel = (size: number, steps: number): Uint8Array =>
  tinyModel({
    inputs: [
      { name: "x", dtype: "float32", shape: [size, size] },
      { name: "w", dtype: "float32", shape: [size, size] },
    ],
    outputs: [{ name: "y", dtype: "float32", shape: [size, size] }],
    nodes: Array.from({ length: steps }, (_, i) => ({
      op: "MatMul",
      inputs: [i === 0 ? "x" : `h${i}`, "w"],
      outputs: [i === steps - 1 ? "y" : `h${i + 1}`],
      name: `product_${i}`,
    })),
  });
