// Gradients of the hosts, added up by one worker of each: as they are, or by a communication hook, bucket by bucket.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { ArgumentError } from "../../errors.js";
import { mergedRanges } from "../../optim/index.js";
import { type ArenaSegment, fillRows } from "../../tensor/index.js";
import type { Bucket } from "../gradients/buckets.js";
import type { BucketGradient, CommHook, GradientBucket } from "./hook.js";
import { CrossLink, type HalfFormat, rounded } from "./host-link.js";
import { sumRows } from "./row-sums.js";
import type { PowerSgdOptions } from "./low-rank.js";
import { batchedPowerSgd, powerSgd } from "./power-sgd.js";

/**
 * How gradients travel between hosts. Names and defaults are Accelerate's.
 *
 * @example
 * new Accelerator({ ddp: { commHook: "powerSgd", commWrapper: "fp16", commStateOption: { matrixApproximationRank: 2 } } });
 */
export interface DdpOptions {
  /**
   * What happens to gradients on their way to other hosts; default "no". "fp16" and "bf16" round them to 16 bits; "powerSgd" and "batchedPowerSgd" send low-rank approximations; or a hook of your own.
   * On one host gradients are not sent, and hooks do nothing.
   */
  readonly commHook?: "no" | "fp16" | "bf16" | "powerSgd" | "batchedPowerSgd" | CommHook;
  /** Everything that the hook sends is rounded to 16 bits; default "no". */
  readonly commWrapper?: "no" | HalfFormat;
  /** Of the PowerSGD hooks. */
  readonly commStateOption?: PowerSgdOptions;
  /** Gradients travel between hosts, and are given to hooks, in pieces of about so many MB (of 1,000,000 bytes); the first one has 1 at most. Default 25. */
  readonly bucketCapMb?: number;
  /**
   * Gradients travel between hosts, and between GPUs, while the backward still runs, bucket by bucket; default true. The numbers are the same. Not with a hook, which takes means: what they are divided by is known when all
   * workers have said what they weigh.
   */
  readonly overlapComm?: boolean;
}

const rounding = (name: HalfFormat): CommHook => ({ name, reduce: (bucket, link) => link.sum(bucket.data) });
const hooks: Readonly<Record<string, (options: PowerSgdOptions | undefined) => CommHook | undefined>> = {
  no: () => undefined,
  fp16: () => rounding("fp16"),
  bf16: () => rounding("bf16"),
  powerSgd,
  batchedPowerSgd,
};
const wrappers: readonly unknown[] = ["no", "fp16", "bf16"];

/** @throws ArgumentError ERR_COMM_HOOK */
function checked({ commHook = "no", commWrapper = "no", commStateOption, bucketCapMb = 25 }: DdpOptions) {
  const refuse = (message: string, hint: string): never => {
    throw new ArgumentError(`ddp: ${message}`, { code: "ERR_COMM_HOOK", hint });
  };
  if (!wrappers.includes(commWrapper)) refuse(`there is no commWrapper ${JSON.stringify(commWrapper)}`, `one of ${wrappers.join(", ")}`);
  if (!(bucketCapMb > 0)) refuse(`bucketCapMb is ${bucketCapMb}`, "give a number above 0");
  if (typeof commHook === "string" && !Object.hasOwn(hooks, commHook))
    refuse(`there is no commHook ${JSON.stringify(commHook)}`, `one of ${Object.keys(hooks).join(", ")}`);
  if (typeof commHook === "object" && typeof commHook.reduce !== "function") refuse("the commHook has no method reduce", "see CommHook");
  const powers = commHook === "powerSgd" || commHook === "batchedPowerSgd";
  if (commStateOption && !powers) refuse("commStateOption belongs to the PowerSGD hooks", 'commHook: "powerSgd"');
  const hook = typeof commHook === "string" ? hooks[commHook]!(commStateOption) : commHook;
  const format: HalfFormat | undefined = commHook === "fp16" || commHook === "bf16" ? commHook : commWrapper === "no" ? undefined : commWrapper;
  return { hook: hook ?? (format && rounding(format)), format, capBytes: bucketCapMb * 1e6 };
}

/** Whether gradients may travel before all workers have said what they weigh. */
export const overlaps = ({ commHook = "no", commWrapper = "no", overlapComm = true }: DdpOptions = {}): boolean =>
  overlapComm && commHook === "no" && commWrapper === "no";

/** Gradients of an arena that are to be added up. */
export interface HostPart {
  /** Its place among the arenas. */
  readonly arena: number;
  /** As long as the arena. */
  readonly data: Float32Array;
  readonly segments: readonly ArenaSegment[];
  /** Those of them that are tables with few rows; the same on all hosts. */
  readonly tables: readonly ArenaSegment[];
  /** Bits of the rows that this host has. */
  readonly bits: Uint32Array;
  /** Where the workers of the host find the bits of the sums. */
  readonly told: Uint32Array;
  /** Of these each host needs its part alone. */
  readonly parted: readonly Bucket[];
}

const alignment = 16;
const endOf = ({ offset, length }: ArenaSegment): number => Math.ceil((offset + length) / alignment) * alignment;

/** One per worker; those that do not speak for their host have nothing to do. */
export class HostSums {
  /** The hook in use; undefined: gradients travel as they are. */
  readonly hook: CommHook | undefined;
  readonly #link: CrossLink | undefined;
  readonly #format: HalfFormat | undefined;
  /** Of a bucket. */
  readonly capBytes: number;

  constructor(cross: ProcessGroup | undefined, options: DdpOptions = {}) {
    const { hook, format, capBytes } = checked(options);
    this.hook = hook;
    this.#format = format;
    this.capBytes = capBytes;
    this.#link = cross && new CrossLink(cross);
  }
  /** What all workers must have in common, for messages. */
  static describe({ commHook = "no", ...others }: DdpOptions = {}): object {
    return { commHook: typeof commHook === "string" ? commHook : commHook.name, ...others };
  }

  /** Bytes that this worker has given to sums over the hosts so far. */
  get bytes(): number {
    return this.#link?.bytes ?? 0;
  }

  /** An optimizer has made a step. */
  stepped(): void {
    if (this.#link) this.hook?.stepped?.();
  }
  /** A collective of the hosts' speakers. Afterwards `data` holds the sums, where there are segments. */
  async reduce(parts: readonly HostPart[], options: CollectiveOptions): Promise<void> {
    if (!this.#link) return;
    this.#link.options = options;
    if (!this.hook) {
      for (const { data, segments, tables, bits, told, parted } of parts) {
        for (const bucket of parted) await this.#link.sumParts(data, bucket);
        const done = new Set([...tables, ...parted.flatMap((bucket) => bucket.segments)]);
        const whole = mergedRanges(segments.filter((s) => !done.has(s)).map((segment) => ({ segment, row: 0, crossesGaps: true, contributors: 1 })));
        for (let i = 0; i < whole.length; i += 4) await this.#link.sum(data.subarray(whole[i]!, whole[i]! + whole[i + 1]!));
        for (const table of tables) await sumRows(this.#link, data, table, { bits, told });
      }
      return;
    }
    // What a hook sends is whole, and so is what comes back.
    for (const { tables, told } of parts) for (const { rows } of tables) fillRows(told, rows!.place);
    const link = this.#format ? rounded(this.#link, this.#format) : this.#link;
    for (const bucket of bucketsOf(parts, this.capBytes)) await this.hook.reduce(bucket, link);
  }
}

/** Neighbours in memory, up to `capBytes` together; a larger gradient is a bucket of its own. */
export function bucketsOf(parts: readonly HostPart[], capBytes: number): GradientBucket[] {
  const buckets: { readonly part: HostPart; readonly segments: ArenaSegment[] }[] = [];
  for (const part of parts) {
    let open: ArenaSegment[] | undefined;
    for (const segment of [...part.segments].sort((a, b) => a.offset - b.offset)) {
      const last = open?.at(-1);
      const fits =
        open && last && endOf(last) === segment.offset && (segment.offset + segment.length - open[0]!.offset) * Float32Array.BYTES_PER_ELEMENT <= capBytes;
      if (fits) open!.push(segment);
      else {
        open = [segment];
        buckets.push({ part, segments: open });
      }
    }
  }
  return buckets.map(({ part: { arena, data }, segments }, index) => {
    const gradients = segments.map(
      ({ index: number, offset, length, parameter }): BucketGradient => ({
        key: `${arena}/${number}`,
        name: parameter.name,
        shape: parameter.shape,
        data: data.subarray(offset, offset + length),
      }),
    );
    const [first, last] = [segments[0]!, segments.at(-1)!];
    return { index, data: data.subarray(first.offset, last.offset + last.length), gradients };
  });
}
