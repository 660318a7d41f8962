// Random safetensors files, right ones and wrong ones.
import { fc } from "../support/properties.js";
import { storedTypes } from "../../src/safetensors/index.js";

export const prefixed = (length: bigint, ...parts: readonly Uint8Array[]): Buffer => {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length);
  return Buffer.concat([prefix, ...parts]);
};
export const encoded = (header: string, data: Uint8Array = new Uint8Array()): Buffer => {
  const json = Buffer.from(header);
  return prefixed(BigInt(json.length), json, data);
};
export const entry = (dtype: unknown, shape: unknown, offsets: unknown): string => JSON.stringify({ dtype, shape, data_offsets: offsets });

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(6) },
  fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 2 ** 64, 1e300, null, "3", true, [], {}) as fc.Arbitrary<unknown>,
);
const dtype = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...Object.keys(storedTypes)) },
  fc.constantFrom<unknown>("F33", "f32", "", "__proto__", 7, null, []),
);
const shape = fc.oneof({ weight: 8, arbitrary: fc.array(size, { maxLength: 3 }) as fc.Arbitrary<unknown> }, fc.constantFrom<unknown>(null, 3, "[]", {}));
const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "größe", "張量", "😀", "__proto__", "constructor", "7", "") },
  fc.string({ unit: "binary", maxLength: 5 }),
);
const offsets = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(size, size) as fc.Arbitrary<unknown> },
  fc.array(size, { maxLength: 3 }),
  fc.constantFrom<unknown>(null, "0"),
);
const anyEntry = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(dtype, shape, offsets).map(([d, s, o]) => entry(d, s, o)) },
  fc.jsonValue().map((value) => JSON.stringify(value)),
);
const metadata = fc
  .oneof(fc.dictionary(fc.string(), fc.string()), fc.jsonValue())
  .map((value): readonly [string, string] => ["__metadata__", JSON.stringify(value)]);
export const wrong = fc
  .array(fc.oneof({ weight: 6, arbitrary: fc.tuple(name, anyEntry) as fc.Arbitrary<readonly [string, string]> }, metadata), { maxLength: 4 })
  .map((fields) => `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}`);

/** Headers that are right, of tensors of every type. */
export const right = fc
  .uniqueArray(fc.tuple(name, fc.constantFrom(...Object.keys(storedTypes)), fc.array(fc.nat(3), { maxLength: 3 })), { selector: ([n]) => n, maxLength: 5 })
  .map((tensors) => {
    let at = 0;
    const fields = tensors
      .filter(([, type, sizes]) => Number.isInteger(sizes.reduce((a, b) => a * b, storedTypes[type as "F32"].bytes)))
      .map(([n, type, sizes]) => {
        const begin = at;
        at += sizes.reduce((a, b) => a * b, storedTypes[type as "F32"].bytes);
        return `${JSON.stringify(n)}:${entry(type, sizes, [begin, at])}`;
      });
    return encoded(`{${fields.join(",")}}`, Buffer.from(Array.from({ length: at }, (_, i) => (i * 37 + 11) & 0xff)));
  });
