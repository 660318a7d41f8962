// Another name for the files that a model keeps numbers in; every byte that does not say so or count it stays.
import protobuf from "protobufjs/minimal.js";
import { decode } from "./decode.js";
import { encode } from "./encode.js";
import { type Field, type MessageName, schema } from "./schema.js";

/** Messages that tensors can lie in. */
const containers: ReadonlySet<string> = new Set(["GraphProto", "NodeProto", "AttributeProto", "FunctionProto", "TensorProto"] satisfies MessageName[]);
const inner = (message: MessageName): ReadonlyMap<number, Field> => {
  const found = new Map<number, Field>();
  for (const field of schema[message])
    if (containers.has(field.type) || (message === "TensorProto" && field.name === "externalData")) found.set(field.number, field);
  return found;
};
const lengthDelimited = 2;

/** A message with other names; the bytes themselves where it has none. */
function renamed(message: MessageName, bytes: Uint8Array, rename: (location: string) => string): Uint8Array {
  if (message === "StringStringEntryProto") {
    const { key, value } = decode(message, bytes).message;
    return key === "location" ? encode(message, { key, value: rename(value ?? "") }) : bytes;
  }
  const fields = inner(message);
  const reader = new protobuf.Reader(bytes);
  const parts: Uint8Array[] = [];
  let kept = 0;
  while (reader.pos < reader.len) {
    const at = reader.pos;
    const tag = reader.uint32();
    const field = (tag & 7) === lengthDelimited ? fields.get(tag >>> 3) : undefined;
    if (!field) {
      reader.skipType(tag & 7);
      continue;
    }
    const whole = reader.uint32();
    const body = bytes.subarray(reader.pos, reader.pos + whole);
    reader.pos += whole;
    const changed = renamed(field.type as MessageName, body, rename);
    if (changed === body) continue;
    parts.push(bytes.subarray(kept, at), protobuf.Writer.create().uint32(tag).uint32(changed.length).finish(), changed);
    kept = reader.pos;
  }
  return kept === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(kept)]);
}

/**
 * A model that was read before, with other names for the files beside it.
 *
 * @example
 * const model = relocate(bytes, (location) => location.replace("model", "tuned"));
 */
export function relocate(model: Uint8Array, rename: (location: string) => string): Uint8Array {
  return renamed("ModelProto", model, rename);
}
