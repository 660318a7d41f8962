// How ranks on several hosts find each other: each listens once per peer, tells the addresses through the store, and all connect.
import { randomBytes } from "node:crypto";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import type { StallEvent } from "../stall-watch.js";
import type { Store } from "../store.js";
import { GlooGroup } from "./gloo-group.js";
import { loadGloo, type NativeGloo } from "./native-gloo.js";

export interface GlooGroupOptions {
  readonly rank: number;
  readonly size: number;
  /** The ranks' numbers in the whole job, for messages; default 0 .. size-1. */
  readonly jobRanks?: readonly number[];
  readonly store: Store;
  /** A prefix of keys that no other group uses. */
  readonly name: string;
  /** An address of this host that the other hosts can reach; nothing listens at any other. */
  readonly address: string;
  /** Until a wait for other ranks ends the group; default 30 minutes. */
  readonly timeoutMs?: number;
  /** Until a wait is reported to onStall; default one minute. */
  readonly reportAfterMs?: number;
  readonly onStall?: (event: StallEvent) => void;
  readonly native?: NativeGloo;
}

const defaultTimeoutMs = 30 * 60_000;
const defaultReportMs = 60_000;

/**
 * Joins the group `name`; resolves when all ranks have.
 * @throws AccelerateError ERR_GLOO_MISSING where gloo is not installed, ERR_GLOO_ADDRESS where the address is not one of this host; CollectiveError ERR_COLLECTIVE_TIMEOUT when
 * ranks do not come, ERR_PEER_LOST when they cannot be reached.
 */
export async function createGlooGroup(options: GlooGroupOptions): Promise<GlooGroup> {
  const { rank, size, name, store, address, timeoutMs = defaultTimeoutMs, reportAfterMs = defaultReportMs, onStall } = options;
  const { jobRanks = Array.from({ length: size }, (_, index) => index) } = options;
  if (!Number.isInteger(size) || size < 1 || !Number.isInteger(rank) || rank < 0 || rank >= size || jobRanks.length !== size)
    throw new ArgumentError(`rank ${rank} of ${size} with the numbers ${jobRanks.join(", ")} is no member of a group`);
  const native = options.native ?? loadGloo();
  const keyOf = (from: number) => `${name}/address/${from}`;
  const { handle, addresses } = listen(native, rank, jobRanks, address, timeoutMs);
  await store.set(keyOf(rank), pack(rank === 0 ? randomBytes(keyBytes) : new Uint8Array(keyBytes), addresses));
  const found = await Promise.all(
    jobRanks.map((_, from) =>
      store.get(keyOf(from), { timeoutMs }).catch((cause: unknown) => {
        if (!(cause instanceof AccelerateError) || cause.code !== "ERR_STORE_TIMEOUT") throw cause;
        throw new CollectiveError(missing(jobRanks[from]!, name, timeoutMs), { cause });
      }),
    ),
  );
  const cards = found.map(unpack);
  try {
    await native.connect(
      handle,
      cards.map((card) => card.addresses[rank] ?? new Uint8Array()),
      Buffer.from(cards[0]!.key).toString("hex"),
    );
  } catch (cause) {
    const { code, message, ranks } = cause as Error & CollectiveFault;
    throw code === undefined ? cause : new CollectiveError({ code, message: `${message} (group ${name}, this host's address ${address})`, ranks }, { cause });
  }
  await store.delete(keyOf(rank));
  return new GlooGroup(native, handle, { rank, jobRanks, timeoutMs, reportAfterMs, onStall });
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

const missing = (rank: number, name: string, timeoutMs: number): CollectiveFault => ({
  code: "ERR_COLLECTIVE_TIMEOUT",
  message: `rank ${rank} has not joined the group ${name} within ${timeoutMs} ms`,
  ranks: [rank],
});

const keyBytes = 32;
const lengthBytes = 2;

/** What a rank tells the others: rank 0 the key of the group, all their addresses, each behind its length. */
function pack(key: Uint8Array, addresses: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([
    key,
    ...addresses.flatMap((address) => {
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt16LE(address.length);
      return [length, address];
    }),
  ]);
}

function unpack(card: Uint8Array): { readonly key: Uint8Array; readonly addresses: readonly Uint8Array[] } {
  const bytes = Buffer.from(card);
  const addresses: Uint8Array[] = [];
  for (let at = keyBytes; at + lengthBytes <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    at += lengthBytes;
    // A copy: the addon takes whole arrays.
    addresses.push(Uint8Array.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return { key: bytes.subarray(0, keyBytes), addresses };
}
