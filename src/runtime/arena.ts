// Flat memory: named float32 segments in one buffer, so that graphs, optimizers and collectives see views or one range, as they like.
import { ArgumentError } from "../errors.js";
import { Engine } from "./engine.js";

/** Where an arena's bytes come from: an engine's anonymous pages, or memory that several processes share. */
export interface ArenaMemory {
  /** Zeroed memory, aligned to 64 bytes at least. */
  allocate(bytes: number): ArrayBuffer;
}

export interface SegmentRequest {
  readonly name: string;
  /** In elements. */
  readonly length: number;
}

/** A segment's place, in elements. */
export interface Segment extends SegmentRequest {
  readonly offset: number;
}

/** A cache line, and the widest vector register. */
const alignment = 64;

/** Places of segments one behind the other, each at the beginning of a cache line. */
function lay(requests: readonly SegmentRequest[]): { readonly segments: readonly Segment[]; readonly bytes: number } {
  const step = alignment / Float32Array.BYTES_PER_ELEMENT;
  let end = 0;
  const segments = requests.map(({ name, length }) => {
    if (!Number.isSafeInteger(length) || length < 0)
      throw new ArgumentError(`segment ${name} has length ${length}`, { hint: "give a whole number of elements" });
    const segment = { name, offset: end, length };
    end += Math.ceil(length / step) * step;
    return segment;
  });
  return { segments, bytes: Math.max(end, step) * Float32Array.BYTES_PER_ELEMENT };
}

/**
 * Contiguous float32 memory, cut into segments that begin at multiples of 64 bytes; the gaps between them stay zero.
 *
 * @example
 * const arena = Arena.allocate([{ name: "weight", length: 768 * 768 }, { name: "bias", length: 768 }]);
 * arena.view(1).fill(0.5);
 */
export class Arena {
  /** All segments with the gaps between them. */
  readonly data: Float32Array;
  readonly segments: readonly Segment[];

  private constructor(data: Float32Array, segments: readonly Segment[]) {
    this.data = data;
    this.segments = segments;
  }

  /** @throws ArgumentError for lengths that are not whole numbers; EngineError ERR_ARENA_MEMORY when there is not enough memory. */
  static allocate(requests: readonly SegmentRequest[], memory: ArenaMemory = Engine.default()): Arena {
    const { segments, bytes } = lay(requests);
    return new Arena(new Float32Array(memory.allocate(bytes)), segments);
  }
  /** The places that `allocate` gives. */
  static lay(requests: readonly SegmentRequest[]): readonly Segment[] {
    return lay(requests).segments;
  }
  /** Bytes that `allocate` asks the memory for. */
  static bytes(requests: readonly SegmentRequest[]): number {
    return lay(requests).bytes;
  }

  /** The segment's memory itself, not a copy. */
  view(index: number): Float32Array {
    const segment = this.segments[index];
    if (!segment) throw new ArgumentError(`there is no segment ${index}`, { hint: `the arena has ${this.segments.length}` });
    return this.data.subarray(segment.offset, segment.offset + segment.length);
  }
}
