// Messages to bytes, by the field table, in protobufjs' writer.
import protobuf from "protobufjs/minimal.js";
import { type MessageName, type Messages, type Scalar, schema } from "./schema.js";

const isScalar = (type: Scalar | MessageName): type is Scalar => !(type in schema);

/** 2^63 - 1, which no number can hold: what numbers from 2^63 on are written as. */
const int64Max = { low: -1, high: 0x7fffffff, unsigned: false } as protobuf.Long;
const int64 = (value: number): number | protobuf.Long => (value >= 2 ** 63 ? int64Max : value);

type Put = (writer: protobuf.Writer, number: number, value: unknown) => void;
const refuse: Put = () => {
  throw new TypeError("packed fields are only read: numbers are written as raw_data");
};
const scalars: { readonly [S in Scalar]: Put } = {
  int: (w, n, v) => w.uint32(n << 3).int64(int64(v as number)),
  float: (w, n, v) => w.uint32((n << 3) | 5).float(v as number),
  string: (w, n, v) => w.uint32((n << 3) | 2).string(v as string),
  bytes: (w, n, v) => w.uint32((n << 3) | 2).bytes(v as Uint8Array),
  packedFloat: refuse,
  packedInt: refuse,
  packedDouble: refuse,
};

function put(writer: protobuf.Writer, message: object, name: MessageName): void {
  for (const field of schema[name]) {
    const value = (message as Readonly<Record<string, unknown>>)[field.name];
    if (value === undefined) continue;
    for (const item of field.repeated ? (value as readonly unknown[]) : [value]) {
      if (isScalar(field.type)) {
        scalars[field.type](writer, field.number, item);
        continue;
      }
      writer.uint32((field.number << 3) | 2).fork();
      put(writer, item as object, field.type);
      writer.ldelim();
    }
  }
}

/** The bytes of a message. */
export function encode<M extends MessageName>(name: M, message: Messages[M]): Uint8Array {
  const writer = protobuf.Writer.create();
  put(writer, message, name);
  return writer.finish();
}
