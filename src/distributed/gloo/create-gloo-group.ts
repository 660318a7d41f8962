// How ranks on several hosts find each other: each listens once per peer, tells the addresses through the store, and all connect.
import { randomBytes } from "node:crypto";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import { type GroupOptions, timesOf } from "../group-options.js";
import type { Store } from "../store.js";
import { GlooGroup } from "./gloo-group.js";
import { loadGloo, type NativeGloo } from "./native-gloo.js";

export interface GlooGroupOptions extends GroupOptions {
  readonly rank: number;
  readonly size: number;
  /** The ranks' numbers in the whole job, for messages; default 0 .. size-1. */
  readonly jobRanks?: readonly number[];
  /** An address of this host that the other hosts can reach; nothing listens at any other. */
  readonly address: string;
  readonly native?: NativeGloo;
}

/**
 * Joins the group `name`; resolves when all ranks have.
 * @throws AccelerateError ERR_GLOO_MISSING where gloo is not installed, ERR_GLOO_ADDRESS where the address is not one of this host; CollectiveError ERR_COLLECTIVE_TIMEOUT when
 * ranks do not come, ERR_PEER_LOST when they cannot be reached.
 */
export async function createGlooGroup(options: GlooGroupOptions): Promise<GlooGroup> {
  const { rank, size, name, store, address, onStall, onFault } = options;
  const { timeoutMs, reportAfterMs } = timesOf(options);
  const { jobRanks = Array.from({ length: size }, (_, index) => index) } = options;
  if (!Number.isInteger(size) || size < 1 || !Number.isInteger(rank) || rank < 0 || rank >= size || jobRanks.length !== size)
    throw new ArgumentError(`rank ${rank} of ${size} with the numbers ${jobRanks.join(", ")} is no member of a group`);
  const keyOf = (from: number) => `${name}/address/${from}`;
  let made: { readonly native: NativeGloo; readonly group: ReturnType<NativeGloo["createGroup"]> };
  try {
    const native = options.native ?? loadGloo();
    made = { native, group: listen(native, rank, jobRanks, address, timeoutMs) };
  } catch (error) {
    // The others are not to wait for this rank.
    await store.set(keyOf(rank), packFailure(error instanceof Error ? error.message : String(error)));
    throw error;
  }
  const { native, group } = made;
  try {
    await store.set(keyOf(rank), packCard(rank === 0 ? randomBytes(keyBytes) : new Uint8Array(keyBytes), group.addresses));
    const found = jobRanks.map(async (jobRank, from) => unpackCard(await cardOf(store, keyOf(from), jobRank, name, timeoutMs), jobRank));
    const cards = await Promise.all(found);
    const addresses = cards.map((card) => card.addresses[rank] ?? new Uint8Array());
    await native.connect(group.handle, addresses, Buffer.from(cards[0]!.key).toString("hex")).catch((cause: Error & CollectiveFault) => {
      const { code, message, ranks } = cause;
      throw new CollectiveError({ code, message: `${message} (group ${name}, this host's address ${address})`, ranks }, { cause });
    });
    await store.delete(keyOf(rank));
    return new GlooGroup(native, group.handle, { rank, jobRanks, timeoutMs, reportAfterMs, onStall, onFault });
  } catch (error) {
    native.release(group.handle);
    throw error;
  }
}

function listen(native: NativeGloo, rank: number, jobRanks: readonly number[], address: string, timeoutMs: number): ReturnType<NativeGloo["createGroup"]> {
  try {
    return native.createGroup(rank, jobRanks, address, Math.ceil(timeoutMs));
  } catch (cause) {
    throw new AccelerateError("ERR_GLOO_ADDRESS", `rank ${jobRanks[rank]} cannot listen at ${address} (${(cause as Error).message})`, {
      cause,
      hint: "the address must be one of this host's own, and one that the other hosts reach",
    });
  }
}

async function cardOf(store: Store, key: string, jobRank: number, name: string, timeoutMs: number): Promise<Uint8Array> {
  try {
    return await store.get(key, { timeoutMs });
  } catch (cause) {
    if (!(cause instanceof AccelerateError) || cause.code !== "ERR_STORE_TIMEOUT") throw cause;
    const message = `rank ${jobRank} has not joined the group ${name} within ${timeoutMs} ms`;
    throw new CollectiveError({ code: "ERR_COLLECTIVE_TIMEOUT", message, ranks: [jobRank] }, { cause });
  }
}

const keyBytes = 32;
const lengthBytes = 2;

/** What a rank tells the others, behind one byte that says which: its addresses, each behind its length, and rank 0 the key of the group; or why it has none. */
const isCard = 1;
const isFailure = 0;

function packCard(key: Uint8Array, addresses: readonly Uint8Array[]): Uint8Array {
  const lengths = addresses.map((address) => {
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt16LE(address.length);
    return length;
  });
  return Buffer.concat([Uint8Array.of(isCard), key, ...addresses.flatMap((address, index) => [lengths[index]!, address])]);
}

const packFailure = (reason: string): Uint8Array => Buffer.concat([Uint8Array.of(isFailure), Buffer.from(reason)]);

function unpackCard(card: Uint8Array, jobRank: number): { readonly key: Uint8Array; readonly addresses: readonly Uint8Array[] } {
  const bytes = Buffer.from(card);
  if (bytes[0] !== isCard)
    throw new CollectiveError({ code: "ERR_PEER_LOST", message: `rank ${jobRank} could not join: ${bytes.toString("utf8", 1)}`, ranks: [jobRank] });
  const addresses: Uint8Array[] = [];
  for (let at = 1 + keyBytes; at + lengthBytes <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    at += lengthBytes;
    // A copy: the addon takes whole arrays.
    addresses.push(Uint8Array.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return { key: bytes.subarray(1, 1 + keyBytes), addresses };
}
