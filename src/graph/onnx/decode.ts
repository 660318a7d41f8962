// Bytes to messages, by the field table, in protobufjs' reader. Every length is checked against what is left, unknown fields are skipped.
import protobuf from "protobufjs/minimal.js";
import { OnnxError } from "./errors.js";
import { type Field, type MessageName, type Messages, type PackedChunk, type Scalar, schema } from "./schema.js";

const isScalar = (type: Scalar | MessageName): type is Scalar => !(type in schema);

const fields = new Map(Object.entries(schema).map(([name, list]) => [name as MessageName, new Map<number, Field>(list.map((f) => [f.number, f]))]));

/** Wire types of protobuf. */
const wire = { varint: 0, fixed64: 1, bytes: 2, group: 3, fixed32: 5 } as const;
const scalarWire: { readonly [S in Scalar]: number } = {
  int: wire.varint,
  float: wire.fixed32,
  string: wire.bytes,
  bytes: wire.bytes,
  packedFloat: wire.fixed32,
  packedInt: wire.varint,
  packedDouble: wire.fixed64,
};

/** Messages in messages: a branch of an If is a graph within a graph. */
const maxDepth = 100;

/** int64 as a number; protobufjs gives a Long. */
const int = (reader: protobuf.Reader): number => Number(reader.int64());

class Decoder {
  readonly reader: protobuf.Reader;
  /** Where each message begins. */
  readonly offsets = new WeakMap<object, number>();
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.reader = new protobuf.Reader(bytes);
  }

  /** Reads a length and returns where that many bytes end, inside the message that ends at `end`. */
  #end(end: number, at: number): number {
    const { reader } = this;
    const out = reader.uint32() + reader.pos;
    if (out > reader.len)
      throw new OnnxError("ERR_ONNX_TRUNCATED", `a field of ${out - reader.pos} bytes begins where ${reader.len - reader.pos} are left`, at);
    if (out > end) throw new OnnxError("ERR_ONNX_MALFORMED", "a field is longer than the message that it is in", at);
    return out;
  }

  #scalar(type: "int" | "float"): number {
    return type === "int" ? int(this.reader) : this.reader.float();
  }

  #skip(wireType: number, end: number, at: number): void {
    const { reader } = this;
    if (wireType === wire.bytes) reader.pos = this.#end(end, at);
    else reader.skipType(wireType);
  }

  /** The value of one field, or for a packed list its values. */
  #value(field: Field, wireType: number, end: number, at: number): unknown {
    const { reader } = this;
    const { type } = field;
    if (!isScalar(type)) {
      if (wireType !== wire.bytes) throw new OnnxError("ERR_ONNX_MALFORMED", `field ${field.name} has wire type ${wireType}`, at);
      if (++this.#depth > maxDepth) throw new OnnxError("ERR_ONNX_MALFORMED", `messages are nested more than ${maxDepth} deep`, at);
      const message = this.message(type, this.#end(end, at));
      this.#depth--;
      return message;
    }
    const expected = scalarWire[type];
    const packed = wireType === wire.bytes && expected !== wire.bytes && field.repeated;
    if (!packed && wireType !== expected) throw new OnnxError("ERR_ONNX_MALFORMED", `field ${field.name} has wire type ${wireType}`, at);
    if (type === "packedFloat" || type === "packedInt" || type === "packedDouble") {
      if (!packed) {
        const offset = reader.pos;
        reader.skipType(wireType);
        return { bytes: reader.buf.subarray(offset, reader.pos), offset } satisfies PackedChunk;
      }
      const last = this.#end(end, at);
      const offset = reader.pos;
      reader.pos = last;
      return { bytes: reader.buf.subarray(offset, last), offset } satisfies PackedChunk;
    }
    if (type === "string" || type === "bytes") {
      const last = this.#end(end, at);
      const bytes = reader.buf.subarray(reader.pos, last);
      reader.pos = last;
      return type === "bytes" ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    }
    if (!packed) return this.#scalar(type);
    const last = this.#end(end, at);
    const out: number[] = [];
    while (reader.pos < last) out.push(this.#scalar(type));
    if (reader.pos !== last) throw new OnnxError("ERR_ONNX_MALFORMED", `the list ${field.name} ends inside a number`, at);
    return new Packed(out);
  }

  message<M extends MessageName>(name: M, end: number): Messages[M] {
    const { reader } = this;
    const table = fields.get(name)!;
    const out: Record<string, unknown> = {};
    this.offsets.set(out, reader.pos);
    while (reader.pos < end) {
      const at = reader.pos;
      const tag = reader.uint32();
      const field = table.get(tag >>> 3);
      const wireType = tag & 7;
      if (!field) {
        if (tag >>> 3 === 0) throw new OnnxError("ERR_ONNX_MALFORMED", `${name} has a field with number 0`, at);
        this.#skip(wireType, end, at);
        continue;
      }
      const value = this.#value(field, wireType, end, at);
      if (!field.repeated) {
        out[field.name] = value;
        continue;
      }
      const list = (out[field.name] as unknown[] | undefined) ?? [];
      out[field.name] = list;
      if (value instanceof Packed) for (const v of value.values) list.push(v);
      else list.push(value);
    }
    if (reader.pos > reader.len) throw new OnnxError("ERR_ONNX_TRUNCATED", `the file ends inside ${name}`, reader.len);
    if (reader.pos !== end) throw new OnnxError("ERR_ONNX_MALFORMED", `${name} ends inside a field`, reader.pos);
    return out as Messages[M];
  }
}

class Packed {
  readonly values: readonly number[];
  constructor(values: readonly number[]) {
    this.values = values;
  }
}

export interface Decoded<T> {
  readonly message: T;
  /** Where a message of the file begins. */
  readonly offsetOf: (message: object) => number;
}

/** The message in the bytes; throws an OnnxError with the place where they stop making sense. */
export function decode<M extends MessageName>(name: M, bytes: Uint8Array): Decoded<Messages[M]> {
  const decoder = new Decoder(bytes);
  try {
    const message = decoder.message(name, bytes.length);
    return { message, offsetOf: (m) => decoder.offsets.get(m) ?? 0 };
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    // protobufjs: RangeError where bytes are missing, Error where a wire type or a nesting is impossible.
    const code = error instanceof RangeError ? "ERR_ONNX_TRUNCATED" : "ERR_ONNX_MALFORMED";
    throw new OnnxError(code, `not an ONNX model: ${error instanceof Error ? error.message : String(error)}`, Math.min(decoder.reader.pos, bytes.length), {
      cause: error,
    });
  }
}

/** The numbers of packed chunks, at most `count` of them; undefined if there are not exactly that many. */
export function unpack(chunks: readonly PackedChunk[], count: number, next: (reader: protobuf.Reader, i: number) => void): boolean {
  let i = 0;
  for (const chunk of chunks) {
    const reader = new protobuf.Reader(chunk.bytes);
    try {
      while (reader.pos < reader.len) {
        if (i === count) return false;
        next(reader, i++);
      }
    } catch (error) {
      throw new OnnxError("ERR_ONNX_MALFORMED", "a list of numbers ends inside a number", chunk.offset + Math.min(reader.pos, reader.len), { cause: error });
    }
    if (reader.pos !== reader.len) throw new OnnxError("ERR_ONNX_MALFORMED", "a list of numbers ends inside a number", chunk.offset + reader.len);
  }
  return i === count;
}
