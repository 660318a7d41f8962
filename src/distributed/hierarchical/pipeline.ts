// Arrays of any size through the memory that a host's ranks share, in chunks: while one chunk is between the hosts, the next one is reduced within them.
import type { CollectiveOptions, ProcessGroup } from "../process-group.js";

/** Bytes of a chunk. */
export const chunkBytes = 4 << 20;
/** A slot is filled anew three chunks later: by then all ranks have drained it (they have met twice since). */
export const slots = 3;

export interface PipelineGroups {
  readonly local: ProcessGroup;
  /** Undefined on ranks that do not speak for their host. */
  readonly cross: ProcessGroup | undefined;
  /** Options of what this host's ranks wait for first, of what its speaker waits for, and of the wait for the speaker. */
  readonly options: Readonly<Record<"gathering" | "crossing" | "awaiting", CollectiveOptions>>;
}

export interface Stages {
  readonly chunks: number;
  /** Puts this rank's share of the chunk into the slot; calls of the local group, if any, are issued before it returns. */
  fill(chunk: number, slot: number): Promise<void> | undefined;
  /** On the host's speaker, once the slot holds the shares of the whole host. */
  cross(group: ProcessGroup, chunk: number, slot: number): Promise<void>;
  /** Takes the result out of the slot. */
  drain(chunk: number, slot: number): void;
}

/** Every rank issues the same calls of the local group in the same order, whenever the hosts are done with a chunk. */
export async function pipeline({ local, cross, options }: PipelineGroups, { chunks, fill, cross: over, drain }: Stages): Promise<void> {
  const begin = (chunk: number): Promise<unknown> => {
    const filled = fill(chunk, chunk % slots);
    const gathered = Promise.all([filled, local.barrier(options.gathering)]);
    gathered.catch(() => {}); // awaited below, in its turn
    return gathered;
  };
  let gathered = begin(0);
  for (let chunk = 0; chunk < chunks; chunk++) {
    const current = gathered;
    if (chunk + 1 < chunks) gathered = begin(chunk + 1);
    await current;
    if (cross) await over(cross, chunk, chunk % slots);
    await local.barrier(options.awaiting);
    drain(chunk, chunk % slots);
  }
}
