// Messages to bytes and back by the field table, with protobufjs' reader and writer. What comes in is checked: lengths, sizes of lists, numbers; nothing is generated or evaluated.
import protobuf from "protobufjs/minimal.js";
import { ControlError } from "./errors.js";
import type { Messages } from "./messages.js";
import { type Field, type MessageName, type Scalar, schema } from "./schema.js";

/** Items of one list; more are refused. */
const maxItems = 1 << 16;

interface Kind {
  readonly wire: number;
  readonly put: (writer: protobuf.Writer, value: unknown) => void;
  readonly get: (reader: protobuf.Reader) => unknown;
  readonly zero: unknown;
}

function safe(value: protobuf.Long | number): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the number ${number} is beyond 2^53`);
  return number;
}

const scalars: { readonly [S in Scalar]: Kind } = {
  uint32: { wire: 0, put: (w, v) => w.uint32(v as number), get: (r) => r.uint32(), zero: 0 },
  int32: { wire: 0, put: (w, v) => w.int32(v as number), get: (r) => r.int32(), zero: 0 },
  uint64: { wire: 0, put: (w, v) => w.uint64(safe(v as number)), get: (r) => safe(r.uint64()), zero: 0 },
  int64: { wire: 0, put: (w, v) => w.int64(safe(v as number)), get: (r) => safe(r.int64()), zero: 0 },
  bool: { wire: 0, put: (w, v) => w.bool(v as boolean), get: (r) => r.bool(), zero: false },
  string: { wire: 2, put: (w, v) => w.string(v as string), get: (r) => Buffer.from(r.bytes()).toString("utf8"), zero: "" },
  bytes: { wire: 2, put: (w, v) => w.bytes(v as Uint8Array), get: (r) => r.bytes(), zero: new Uint8Array(0) },
};
const isScalar = (type: Scalar | MessageName): type is Scalar => type in scalars;

const byNumber = new Map(Object.entries(schema).map(([name, list]) => [name as MessageName, new Map<number, Field>(list.map((f) => [f.number, f]))]));

function putMessage(writer: protobuf.Writer, name: MessageName, message: object): void {
  for (const { name: key, number, type, presence } of schema[name] as readonly Field[]) {
    const value = (message as Readonly<Record<string, unknown>>)[key];
    if (value === undefined) continue;
    if (!isScalar(type)) {
      for (const item of presence === "many" ? (value as readonly object[]) : [value as object]) {
        writer.uint32((number << 3) | 2).fork();
        putMessage(writer, type, item);
        writer.ldelim();
      }
      continue;
    }
    const { wire, put } = scalars[type];
    if (presence === "many" && wire === 0) {
      if ((value as readonly unknown[]).length === 0) continue;
      writer.uint32((number << 3) | 2).fork();
      for (const item of value as readonly unknown[]) put(writer, item);
      writer.ldelim();
    } else {
      for (const item of presence === "many" ? (value as readonly unknown[]) : [value]) put(writer.uint32((number << 3) | wire), item);
    }
  }
}

/** The bytes of a message. */
export function encode<M extends MessageName>(name: M, message: Messages[M]): Uint8Array {
  const writer = protobuf.Writer.create();
  putMessage(writer, name, message);
  return writer.finish();
}

function end(reader: protobuf.Reader, limit: number): number {
  const length = reader.uint32();
  if (length > limit - reader.pos) throw new RangeError(`a field of ${length} bytes begins where ${limit - reader.pos} are left`);
  return reader.pos + length;
}

function readField(reader: protobuf.Reader, { name, type, presence }: Field, wire: number, limit: number, into: unknown[]): void {
  if (!isScalar(type)) {
    if (wire !== 2) throw new RangeError(`field ${name} has wire type ${wire}`);
    into.push(readMessage(reader, type, end(reader, limit)));
    return;
  }
  const kind = scalars[type];
  if (wire === kind.wire) {
    into.push(kind.get(reader));
    return;
  }
  if (presence !== "many" || wire !== 2) throw new RangeError(`field ${name} has wire type ${wire}`);
  const last = end(reader, limit);
  while (reader.pos < last) {
    if (into.length >= maxItems) throw new RangeError(`the list ${name} has more than ${maxItems} items`);
    into.push(kind.get(reader));
  }
}

function readMessage(reader: protobuf.Reader, name: MessageName, limit: number): object {
  const out: Record<string, unknown> = {};
  for (const { name: key, type, presence } of schema[name] as readonly Field[]) {
    if (presence === "many") out[key] = [];
    else if (presence === "one") out[key] = scalars[type as Scalar].zero;
  }
  const table = byNumber.get(name)!;
  while (reader.pos < limit) {
    const tag = reader.uint32();
    const field = table.get(tag >>> 3);
    if (!field) {
      if (tag >>> 3 === 0) throw new RangeError("a field has the number 0");
      reader.skipType(tag & 7);
      continue;
    }
    const list = field.presence === "many" ? (out[field.name] as unknown[]) : [];
    if (list.length >= maxItems) throw new RangeError(`the list ${field.name} has more than ${maxItems} items`);
    readField(reader, field, tag & 7, limit, list);
    if (field.presence !== "many") out[field.name] = list[0];
  }
  if (reader.pos !== limit) throw new RangeError(`${name} ends inside a field`);
  return out;
}

/** The message in the bytes. @throws ControlError ERR_CONTROL_MALFORMED. */
export function decode<M extends MessageName>(name: M, bytes: Uint8Array): Messages[M] {
  try {
    return readMessage(protobuf.Reader.create(bytes), name, bytes.length) as Messages[M];
  } catch (cause) {
    throw new ControlError("ERR_CONTROL_MALFORMED", `no ${name} of accelerate.v1 (${cause instanceof Error ? cause.message : cause})`, { cause });
  }
}

/** The field of a oneof that is set, with its value. */
export function body<T extends object>(message: T): { [K in keyof T & string]-?: readonly [K, NonNullable<T[K]>] }[keyof T & string] | undefined {
  for (const [key, value] of Object.entries(message)) if (value !== undefined) return [key, value] as never;
  return undefined;
}
