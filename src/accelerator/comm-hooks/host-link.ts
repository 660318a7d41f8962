// Ways to the other hosts: float32 as it is, or rounded to 16 bits. They count what they send.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { compressKernelsOf, Engine, halfFormats } from "../../runtime/index.js";
import type { ArenaPart } from "../../tensor/index.js";
import { sumParts } from "../gradients/host-parts.js";
import type { HostLink } from "./hook.js";

export type HalfFormat = keyof typeof halfFormats;
const dtypes = { fp16: "float16", bf16: "bfloat16" } as const;

/** The speakers of the hosts. */
export class CrossLink implements HostLink {
  readonly hosts: number;
  readonly #cross: ProcessGroup;
  #scratch = new Uint16Array(0);
  /** Of the call under way, for messages. */
  options: CollectiveOptions = {};
  /** Bytes of all sums that this host took part in, each counted once. */
  bytes = 0;

  constructor(cross: ProcessGroup) {
    this.#cross = cross;
    this.hosts = cross.size;
  }

  async sum(data: Float32Array): Promise<void> {
    this.bytes += data.byteLength;
    await this.#cross.allReduce({ dtype: "float32", data }, "sum", this.options);
  }
  /** Adds up over the hosts, in place; afterwards each has the sums of its part. */
  async sumParts(data: Float32Array, bucket: ArenaPart): Promise<void> {
    this.bytes += 4 * (bucket.end - bucket.begin);
    await sumParts(this.#cross, data, bucket, this.options);
  }
  /** The bits that any host has set, in place. */
  async unite(bits: Uint32Array): Promise<void> {
    this.bytes += bits.byteLength;
    const own = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
    const all = new Uint8Array(own.length * this.hosts);
    await this.#cross.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, this.options);
    for (let i = 0; i < all.length; i++) own[i % own.length]! |= all[i]!;
  }
  /** Sent in 16 bits; added up in 32 and rounded again. Own numbers are rounded as those of the others are. */
  async sumAs(format: HalfFormat, data: Float32Array): Promise<void> {
    if (this.#scratch.length < data.length) this.#scratch = new Uint16Array(data.length);
    const bits = this.#scratch.subarray(0, data.length);
    const kernels = compressKernelsOf(Engine.default());
    await kernels.narrow(halfFormats[format], bits, data);
    this.bytes += bits.byteLength;
    await this.#cross.allReduce({ dtype: dtypes[format], data: bits }, "sum", this.options);
    await kernels.widen(halfFormats[format], data, bits);
  }
}

/** A link that sends everything in 16 bits. */
export const rounded = (link: CrossLink, format: HalfFormat): HostLink => ({ hosts: link.hosts, sum: (data) => link.sumAs(format, data) });
