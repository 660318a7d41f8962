// Buffers that forward writes into, on several workers: after each step all take rank 0's, as torch's DistributedDataParallel does before each forward.
import type { CollectiveOptions, ProcessGroup } from "../distributed/index.js";
import type { Tensor } from "../tensor/index.js";

/** The buffers of all prepared models that forward writes into; the same ones in the same order on every worker. */
export class WrittenBuffers {
  readonly #buffers = new Set<Tensor>();

  add(buffers: Iterable<readonly [name: string, buffer: Tensor]>): void {
    for (const [, buffer] of buffers) this.#buffers.add(buffer);
  }

  /** Rank 0's numbers on all workers, in one message. */
  async takeFirst(group: ProcessGroup, options: CollectiveOptions): Promise<void> {
    if (group.size === 1 || this.#buffers.size === 0) return;
    const places = await Promise.all([...this.#buffers].map(async (buffer) => bytesOf(await buffer.data())));
    const message = new Uint8Array(places.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const place of places) {
      if (group.rank === 0) message.set(place, at);
      at += place.length;
    }
    await group.broadcast({ dtype: "uint8", data: message }, 0, options);
    if (group.rank === 0) return;
    at = 0;
    for (const place of places) {
      place.set(message.subarray(at, at + place.length));
      at += place.length;
    }
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
