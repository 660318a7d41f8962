// Small values between ranks, over the collectives of bytes that every backend has: their length first, and with it as much of them as fits.
import { deserialize, serialize } from "node:v8";
import { AccelerateError, ArgumentError } from "../errors.js";

/** What a backend lends; the rank numbers are those of the group. */
export interface ByteCollectives {
  readonly rank: number;
  readonly size: number;
  /** The number of a rank in messages: that in the whole job. */
  nameOf(rank: number): number;
  allGather(input: Uint8Array, output: Uint8Array): Promise<void>;
  broadcast(data: Uint8Array, root: number): Promise<void>;
}

/** Most values need one collective only. */
const headBytes = 512;
const lengthBytes = 8;
const inHead = headBytes - lengthBytes;
/** Typed arrays of 4 GiB and more are no small values. */
const largest = 2 ** 31;

interface Packed {
  readonly bytes: Uint8Array;
  /** The bytes are a text that says why there is no value. */
  readonly failed: boolean;
}

function pack(value: unknown): Packed {
  try {
    const bytes = serialize(value);
    if (bytes.length >= largest) throw new RangeError(`it is ${bytes.length} bytes long`);
    return { bytes, failed: false };
  } catch (error) {
    // The others wait for this rank: they are told.
    return { bytes: new TextEncoder().encode((error instanceof Error ? error.message : String(error)).slice(0, 200)), failed: true };
  }
}

function headOf({ bytes, failed }: Packed): Uint8Array {
  const head = new Uint8Array(headBytes);
  new DataView(head.buffer).setFloat64(0, failed ? -bytes.length - 1 : bytes.length, true);
  head.set(bytes.subarray(0, inHead), lengthBytes);
  return head;
}

const lengthIn = (head: Uint8Array): number => new DataView(head.buffer, head.byteOffset).getFloat64(0, true);

function unpack(head: Uint8Array, rest: Uint8Array, rank: number): unknown {
  const length = lengthIn(head);
  const body = head.subarray(lengthBytes);
  if (length < 0) {
    const reason = new TextDecoder().decode(body.subarray(0, Math.min(-length - 1, inHead)));
    throw new ArgumentError(`the value of rank ${rank} cannot travel: ${reason}`, { hint: "only what structured cloning can carry goes between processes" });
  }
  const whole = new Uint8Array(length);
  whole.set(body.subarray(0, Math.min(length, inHead)));
  whole.set(rest.subarray(0, Math.max(0, length - inHead)), Math.min(length, inHead));
  try {
    return deserialize(whole);
  } catch (cause) {
    throw new AccelerateError("ERR_OBJECT", `the value of rank ${rank} cannot be read here`, { cause, hint: "do all ranks run the same version of Node?" });
  }
}

/** A value of each rank, in the order of ranks. One that cannot travel is an error on every rank. */
export async function gatherObjects(group: ByteCollectives, value: unknown): Promise<unknown[]> {
  const own = pack(value);
  const heads = new Uint8Array(headBytes * group.size);
  await group.allGather(headOf(own), heads);
  const head = (rank: number) => heads.subarray(rank * headBytes, (rank + 1) * headBytes);
  const ranks = Array.from({ length: group.size }, (_, rank) => rank);
  const room = Math.max(0, ...ranks.map((rank) => lengthIn(head(rank)) - inHead));
  const rests = new Uint8Array(room * group.size);
  if (room > 0) {
    const rest = new Uint8Array(room);
    if (!own.failed) rest.set(own.bytes.subarray(inHead));
    await group.allGather(rest, rests);
  }
  return ranks.map((rank) => unpack(head(rank), rests.subarray(rank * room, (rank + 1) * room), group.nameOf(rank)));
}

/** root's value, on every rank. */
export async function spreadObject(group: ByteCollectives, value: unknown, root: number): Promise<unknown> {
  const own = group.rank === root ? pack(value) : undefined;
  const head = own ? headOf(own) : new Uint8Array(headBytes);
  await group.broadcast(head, root);
  const rest = new Uint8Array(Math.max(0, lengthIn(head) - inHead));
  if (rest.length > 0) {
    if (own && !own.failed) rest.set(own.bytes.subarray(inHead));
    await group.broadcast(rest, root);
  }
  return unpack(head, rest, group.nameOf(root));
}
