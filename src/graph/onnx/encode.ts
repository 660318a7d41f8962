// Messages to bytes, by the field table, in protobufjs' writer.
import protobuf from "protobufjs/minimal.js";
import { type MessageName, type Messages, type Scalar, schema } from "./schema.js";

const isScalar = (type: Scalar | MessageName): type is Scalar => !(type in schema);

/** 2^63 - 1, which no number can hold: what numbers from 2^63 on are written as. */
const int64Max = { low: -1, high: 0x7fffffff, unsigned: false } as protobuf.Long;
const int64 = (value: number): number | protobuf.Long => (value >= 2 ** 63 ? int64Max : value);

type Put = (writer: protobuf.Writer, value: unknown) => void;
const refuse: Put = () => {
  throw new TypeError("packed fields are only read: numbers are written as raw_data");
};
const scalars: { readonly [S in Scalar]: { readonly wire: number; readonly put: Put } } = {
  int: { wire: 0, put: (w, v) => w.int64(int64(v as number)) },
  float: { wire: 5, put: (w, v) => w.float(v as number) },
  string: { wire: 2, put: (w, v) => w.string(v as string) },
  bytes: { wire: 2, put: (w, v) => w.bytes(v as Uint8Array) },
  packedFloat: { wire: 2, put: refuse },
  packedInt: { wire: 2, put: refuse },
  packedDouble: { wire: 2, put: refuse },
};

interface Writing {
  readonly name: string;
  readonly repeated: boolean;
  readonly tag: number;
  readonly put: Put;
}
/** The field table with everything looked up once. */
const plans = new Map<MessageName, readonly Writing[]>();
function plan(name: MessageName): readonly Writing[] {
  const known = plans.get(name);
  if (known) return known;
  const made = schema[name].map(({ name, number, type, repeated }): Writing => {
    if (isScalar(type)) return { name, repeated, tag: (number << 3) | scalars[type].wire, put: scalars[type].put };
    const message: Put = (writer, value) => {
      writer.fork();
      putMessage(writer, value as object, plan(type));
      writer.ldelim();
    };
    return { name, repeated, tag: (number << 3) | 2, put: message };
  });
  plans.set(name, made);
  return made;
}

function putMessage(writer: protobuf.Writer, message: object, fields: readonly Writing[]): void {
  for (const { name, repeated, tag, put } of fields) {
    const value = (message as Readonly<Record<string, unknown>>)[name];
    if (value === undefined) continue;
    if (repeated) for (const item of value as readonly unknown[]) put(writer.uint32(tag), item);
    else put(writer.uint32(tag), value);
  }
}

/** The bytes of a message. */
export function encode<M extends MessageName>(name: M, message: Messages[M]): Uint8Array {
  const writer = protobuf.Writer.create();
  putMessage(writer, message, plan(name));
  return writer.finish();
}
