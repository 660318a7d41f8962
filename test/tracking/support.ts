// What the tests of trackers share: a directory that goes away, and readers of protobuf written after the formats' documents and not after our writers.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrackerContext } from "../../src/tracking/index.js";

export async function temporary(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "tracking-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export const context = (loggingDir: string | undefined, project = "first", warn: (message: string) => void = () => {}): TrackerContext => ({
  loggingDir,
  project,
  warn,
});

/** Fields of a message by number, in order; groups are not used. */
export type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>;

/** Fields of fixed size and delimited ones are bytes, varints are big integers. */
export function fields(bytes: Buffer): Fields {
  const out = new Map<number, (Buffer | bigint)[]>();
  let at = 0;
  const varint = (): bigint => {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("a varint ends with the message");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error("a field ends after the message");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const [number, wire] = [tag >> 3, tag & 7];
    const value = wire === 0 ? varint() : wire === 1 ? take(8) : wire === 2 ? take(Number(varint())) : take(4);
    out.set(number, [...(out.get(number) ?? []), value]);
  }
  return out;
}
export const message = (of: Fields, number: number): Fields => fields(of.get(number)![0] as Buffer);
export const messages = (of: Fields, number: number): Fields[] => (of.get(number) ?? []).map((value) => fields(value as Buffer));
export const string = (of: Fields, number: number): string => String(of.get(number)?.[0] ?? "");
export const int = (of: Fields, number: number): number => Number(of.get(number)?.[0] ?? 0n);
export const double = (of: Fields, number: number): number => (of.get(number)![0] as Buffer).readDoubleLE(0);
export const float = (of: Fields, number: number): number => (of.get(number)![0] as Buffer).readFloatLE(0);
