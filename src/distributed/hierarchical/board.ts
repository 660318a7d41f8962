// What every rank writes up at the start of a collective, for all to read: the call that it makes, and its numbers where they are few.
import type { TypedArray } from "../../graph/dtype.js";
import type { CheckedCall } from "../collective-checks.js";
import type { CollectiveFault } from "../errors.js";
import type { Layout } from "./layout.js";

/** Of a rank; two rounds lie side by side, so that the slow ones can still read the last one. */
const recordBytes = 1024;
const payloadAt = 384;
const rounds = 2;
/** Payloads up to this size travel with the call. */
export const smallBytes = recordBytes - payloadAt;
const textRoom = payloadAt - 16;

export const boardBytes = (layout: Layout): number => layout.places * recordBytes * rounds;

/** A collective as this group numbers it. */
export interface NumberedCall extends CheckedCall {
  readonly sequence: number;
  readonly site: string | undefined;
  readonly purpose: string | undefined;
}

/** What is compared. */
type Signature = readonly [op: string, dtype: string, count: number, reduce: string, root: number];
export interface Entry {
  readonly sequence: number;
  readonly signature: Signature;
  readonly site: string;
  readonly purpose: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Board {
  readonly #layout: Layout;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** bytes: of memory that the ranks of this host share. */
  constructor(layout: Layout, bytes: Uint8Array) {
    this.#layout = layout;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The whole round, a record per place. */
  round(sequence: number): Uint8Array {
    const length = this.#layout.places * recordBytes;
    const begin = (sequence % rounds) * length;
    return this.#bytes.subarray(begin, begin + length);
  }

  /** The records of a host within the round. */
  part(sequence: number, host: number): Uint8Array {
    const length = this.#layout.placesPerHost * recordBytes;
    return this.round(sequence).subarray(host * length, (host + 1) * length);
  }

  /** payload: at most smallBytes. */
  write(call: NumberedCall, payload: Uint8Array | undefined): void {
    const at = this.#at(call.sequence, this.#layout.rank);
    const { op, dtype = "", count, reduce = "", root = -1 } = call;
    const signature: Signature = [op, dtype, count, reduce, root];
    const first = encoder.encode(JSON.stringify(signature));
    const second = encoder.encode(JSON.stringify([clip(call.site), clip(call.purpose)]));
    this.#bytes.set(first, at + 16);
    this.#bytes.set(second, at + 16 + first.length);
    this.#view.setUint16(at + 8, first.length, true);
    this.#view.setUint16(at + 10, second.length, true);
    if (payload) this.#bytes.set(payload, at + payloadAt);
    // Last: what has a number is there.
    this.#view.setFloat64(at, call.sequence, true);
  }

  /** The number of the collective that the rank has entered last, as far as this host knows. */
  entered(rank: number): number {
    return Math.max(...Array.from({ length: rounds }, (_, round) => this.#view.getFloat64(this.#at(round, rank), true)));
  }

  entry(sequence: number, rank: number): Entry {
    const at = this.#at(sequence, rank);
    const [first, second] = [this.#view.getUint16(at + 8, true), this.#view.getUint16(at + 10, true)];
    // Memory that is being written may hold anything; reports are made of it then.
    const parse = <T>(begin: number, length: number, otherwise: T): T => {
      try {
        return JSON.parse(decoder.decode(this.#bytes.slice(begin, begin + Math.min(length, textRoom)))) as T;
      } catch {
        return otherwise;
      }
    };
    const [site, purpose] = parse<readonly [string, string]>(at + 16 + first, second, ["", ""]);
    return { sequence: this.#view.getFloat64(at, true), signature: parse<Signature>(at + 16, first, ["", "", 0, "", -1]), site, purpose };
  }

  payload(sequence: number, rank: number, bytes: number): Uint8Array {
    const begin = this.#at(sequence, rank) + payloadAt;
    return this.#bytes.subarray(begin, begin + bytes);
  }

  /** All ranks make the same call; undefined when they do. */
  mismatch(sequence: number): CollectiveFault | undefined {
    const signatureOf = (rank: number): Uint8Array => {
      const at = this.#at(sequence, rank);
      return this.#bytes.subarray(at + 16, at + 16 + this.#view.getUint16(at + 8, true));
    };
    const first = Buffer.from(signatureOf(0));
    const ranks = [...this.#layout.hostOf.keys()];
    if (ranks.every((rank) => first.equals(signatureOf(rank)))) return undefined;
    return mismatchOf(ranks.map((rank) => this.entry(sequence, rank)));
  }

  #at(sequence: number, rank: number): number {
    return ((sequence % rounds) * this.#layout.places + this.#layout.placeOf[rank]!) * recordBytes;
  }
}

const clip = (text: string | undefined): string => (text ?? "").slice(0, 80);

/** "all-reduce 2 (gradient exchange, float32 [12]) at train.ts:40:9" */
export function describe({ op, sequence, dtype, count, site, purpose }: NumberedCall): string {
  const details = [...(purpose ? [purpose] : []), ...(dtype ? [`${dtype} [${count}]`] : [])].join(", ");
  return `${op} ${sequence}${details === "" ? "" : ` (${details})`}${site ? ` at ${site}` : ""}`;
}

function mismatchOf(entries: readonly Entry[]): CollectiveFault {
  const differ = (part: keyof Signature & number): boolean => entries.some(({ signature }) => signature[part] !== entries[0]!.signature[part]);
  const paths = differ(0);
  const calls = entries.map(({ sequence, signature: [op, dtype, count, reduce, root], purpose }, rank) => {
    const which = paths ? "" : `${differ(3) ? ` (${reduce})` : ""}${differ(4) ? ` (from ${root})` : ""}`;
    return `rank ${rank}: ${op} ${sequence}${dtype ? ` ${dtype} [${count}]` : ""}${which}${purpose ? ` for ${purpose}` : ""}`;
  });
  const sites = [...new Set(entries.flatMap(({ site }) => (site ? [site] : [])))].join(", ");
  const why = paths ? "the ranks have taken different paths" : "all ranks must make the same call";
  const groups = new Map<string, number[]>();
  for (const [rank, { signature }] of entries.entries()) {
    const key = JSON.stringify(signature);
    groups.set(key, [...(groups.get(key) ?? []), rank]);
  }
  const [most, next] = [...groups.values()].sort((a, b) => b.length - a.length);
  const tie = most!.length === next!.length;
  const ranks = [...entries.keys()].filter((rank) => tie || !most!.includes(rank));
  return { code: "ERR_COLLECTIVE_MISMATCH", message: `${calls.join("; ")}: ${why}${sites === "" ? "" : ` (${sites})`}`, ranks };
}

/** The bytes of numbers. */
export const bytesOf = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
