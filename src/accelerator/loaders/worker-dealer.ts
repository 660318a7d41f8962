// How rank 0 hands out what it has read: every rank gets its own bytes. On one host they lie in shared memory, of which each rank reads its part.
import type { Dealer } from "../../data/loader/dealer.js";
import type { CollectiveOptions, ProcessGroup, World } from "../../distributed/index.js";
import type { Calls } from "../collectives/calls.js";

const purpose = "the next batch of a dispatched loader";
/** The first memory; it grows with the messages. */
const leastBytes = 2 ** 16;

export class WorkerDealer implements Dealer {
  readonly #calls: Calls;
  #letterbox: Letterbox | undefined;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  scatter(messages: Promise<readonly Uint8Array[]> | undefined): Promise<Uint8Array> {
    const options = this.#calls.options(purpose);
    return this.#calls.inOrder(async (world) => {
      const given = await messages;
      if (world.hosts > 1) return scatterOverHosts(world.group, given, options);
      if (this.#letterbox?.world !== world) this.#letterbox = new Letterbox(world);
      return this.#letterbox.scatter(given, options);
    }, options);
  }
}

/** Two halves in turn: one is written while slow ranks may still read the other. That a rank has read is known when it takes part in the next call. */
class Letterbox {
  readonly world: World;
  #memory = new Uint8Array();
  #turn = 0;

  constructor(world: World) {
    this.world = world;
  }

  async scatter(messages: readonly Uint8Array[] | undefined, options: CollectiveOptions): Promise<Uint8Array> {
    const { group, local } = this.world;
    const { size, rank } = group;
    const lengths = new Float64Array(size * size);
    const own = messages ? Float64Array.from(messages, (bytes) => bytes.length) : new Float64Array(size);
    const half = () => this.#memory.subarray((this.#turn * this.#memory.length) / 2, ((this.#turn + 1) * this.#memory.length) / 2);
    const write = () => {
      let at = 0;
      for (const bytes of messages ?? []) {
        half().set(bytes, at);
        at += bytes.length;
      }
    };
    this.#turn = 1 - this.#turn;
    const needed = own.reduce((sum, length) => sum + length, 0);
    if (needed <= this.#memory.length / 2) write();
    await group.allGather({ dtype: "float64", data: own }, { dtype: "float64", data: lengths }, options);
    const told = lengths.subarray(0, size);
    const total = told.reduce((sum, length) => sum + length, 0);
    if (total > this.#memory.length / 2) {
      this.#memory = new Uint8Array(await local.allocate(2 * Math.max(leastBytes, 2 * total), options));
      write();
      await group.barrier(options);
    }
    const begin = told.subarray(0, rank).reduce((sum, length) => sum + length, 0);
    return half().slice(begin, begin + told[rank]!);
  }
}

/** Others give zeros, so that a sum is what rank 0 gave: of the collectives between hosts the one that sends each rank its own part alone. */
async function scatterOverHosts(group: ProcessGroup, messages: readonly Uint8Array[] | undefined, options: CollectiveOptions): Promise<Uint8Array> {
  const lengths = messages ? Float64Array.from(messages, (bytes) => bytes.length) : new Float64Array(group.size);
  await group.broadcast({ dtype: "float64", data: lengths }, 0, options);
  const longest = Math.max(...lengths);
  const own = new Uint8Array(longest);
  const parts = new Uint8Array(longest * group.size);
  for (const [rank, bytes] of (messages ?? []).entries()) parts.set(bytes, rank * longest);
  await group.reduceScatter({ dtype: "uint8", data: parts }, { dtype: "uint8", data: own }, "sum", options);
  return own.subarray(0, lengths[group.rank]!);
}
