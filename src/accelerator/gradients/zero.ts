// Who keeps the state of optimizers: ZeRO stage 1 (Rajbhandari et al., "ZeRO: Memory optimizations toward training trillion parameter models", 2020).
import { ArgumentError } from "../../errors.js";
import type { ArenaPart } from "../../tensor/index.js";

/** The stage's number is DeepSpeed's. */
export interface ZeroOptions {
  /**
   * 0: every worker keeps the state of all parameters, and parameters of its own. 1: each parameter's state lies with one worker only, over all hosts. Not said: the workers of a host share theirs, and every
   * host keeps all of it; nothing but gradients travels between hosts then.
   */
  readonly stage?: 0 | 1;
}

/** By whom the state is shared out: nobody, the workers of each host, or all. */
export type Sharding = "none" | "host" | "world";

/** @throws ArgumentError ERR_ZERO */
export function shardingOf({ stage }: ZeroOptions = {}): Sharding {
  if (stage === undefined) return "host";
  if (stage === 0) return "none";
  if (stage === 1) return "world";
  throw new ArgumentError(`zero: there is no stage ${String(stage)}`, {
    code: "ERR_ZERO",
    hint: "give 0 or 1; stages 2 and 3 share out gradients and parameters, which the workers of a host have in common anyway",
  });
}

/** Elements of a cache line. */
const line = 16;

/** As much as can be shared out in equal parts between hosts, from the beginning. */
export function evenPart({ begin, end }: ArenaPart, hosts: number): ArenaPart & { readonly each: number } {
  const each = Math.floor((end - begin) / hosts / line) * line;
  return { begin, end: begin + each * hosts, each };
}
/** The part of a bucket that a host updates: equal ones, and the last host has what is left over. */
export function hostPart(bucket: ArenaPart, { host, hosts }: { readonly host: number; readonly hosts: number }): ArenaPart {
  const { begin, each } = evenPart(bucket, hosts);
  return { begin: begin + host * each, end: host === hosts - 1 ? bucket.end : begin + (host + 1) * each };
}

/** The overlap of two parts; undefined where there is none. */
export function overlapOf(a: ArenaPart, b: ArenaPart): ArenaPart | undefined {
  const [begin, end] = [Math.max(a.begin, b.begin), Math.min(a.end, b.end)];
  return begin < end ? { begin, end } : undefined;
}
