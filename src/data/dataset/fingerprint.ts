// Fingerprints: one short name for what a data set was made of, the same in every process that makes it the same way.
import { createHash, type Hash, randomBytes } from "node:crypto";
import { ArgumentError } from "../../errors.js";

/** Every value is written as a letter of its type, its length where it has one, and its bytes: two different values never write the same. */
function write(hash: Hash, value: unknown, within: readonly object[]): void {
  const text = (tag: string, content: string) => hash.update(`${tag}${content.length}:`).update(content);
  if (value === null || value === undefined) hash.update(value === null ? "n" : "u");
  else if (typeof value === "string") text("s", value);
  else if (typeof value === "number") text("d", Object.is(value, -0) ? "-0" : String(value));
  else if (typeof value === "bigint") text("i", String(value));
  else if (typeof value === "boolean") hash.update(value ? "t" : "f");
  else if (typeof value === "function") text("F", Function.prototype.toString.call(value));
  else if (typeof value === "symbol") throw new ArgumentError("a symbol has no fingerprint", { code: "ERR_FINGERPRINT" });
  else writeObject(hash, value, within);
}

/** Tensors, promises, weak maps and whatever else keeps what it is in private fields: all of a kind would look the same. */
function isOpaque(value: object, keys: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return false;
  return keys === 0 || "toArray" in value || "then" in value;
}

function writeObject(hash: Hash, value: object, within: readonly object[]): void {
  if (within.includes(value)) throw new ArgumentError("an object that holds itself has no fingerprint", { code: "ERR_FINGERPRINT" });
  const inner = [...within, value];
  const each = (tag: string, values: readonly unknown[]) => {
    hash.update(`${tag}${values.length}:`);
    for (const item of values) write(hash, item, inner);
  };
  if (Array.isArray(value)) each("a", value);
  else if (ArrayBuffer.isView(value)) {
    hash.update(`b${value.constructor.name}${value.byteLength}:`);
    hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    hash.update(`B${value.byteLength}:`);
    hash.update(new Uint8Array(value));
  } else if (value instanceof Date) each("D", [value.getTime()]);
  else if (value instanceof RegExp || value instanceof URL) each("R", [String(value)]);
  else if (value instanceof Map) each("M", [...value].flat());
  else if (value instanceof Set) each("S", [...value]);
  else {
    // Options mean the same in any order; a key without a value is a key that is not there.
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    if (isOpaque(value, entries.length))
      throw new ArgumentError(`what a ${value.constructor?.name ?? "object"} holds cannot be seen: it has no fingerprint`, {
        code: "ERR_FINGERPRINT",
        hint: "give plain values (of a tensor its numbers: await t.toArray()), or name the result yourself: newFingerprint",
      });
    const kind = Object.getPrototypeOf(value) as { readonly constructor?: { readonly name?: string } } | null;
    each(`o${kind?.constructor?.name ?? ""}`, entries.flat());
  }
}

/**
 * 16 hex digits (of sha256) that say what the parts are: strings, numbers, lists, plain objects whatever the order of their keys, typed arrays, dates, and functions by their text.
 *
 * @throws ArgumentError ERR_FINGERPRINT for symbols, for objects that hold themselves, and for those whose content cannot be seen, such as tensors.
 */
export function fingerprintOf(...parts: unknown[]): string {
  const hash = createHash("sha256");
  write(hash, parts, []);
  return hash.digest("hex").slice(0, 16);
}

/** Of data whose origin is not known: no other data set has it. */
export const uniqueFingerprint = (): string => randomBytes(8).toString("hex");
