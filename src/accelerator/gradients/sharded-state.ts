// State of optimizers of which each host has a part: brought together where somebody wants all of it, and dealt out.
import type { CollectiveOptions, ProcessGroup, World } from "../../distributed/index.js";
import type { Optimizer, WholeState } from "../../optim/index.js";
import type { ArenaPart, ArenaSegment, Parameter, ParameterArena } from "../../tensor/index.js";
import { gatherParts } from "./host-parts.js";
import type { Placement } from "./placement.js";
import { hostPart } from "./zero.js";

type Arrays = readonly (readonly [name: string, data: Float32Array])[];

interface Taking {
  readonly arena: ParameterArena;
  readonly optimizer: Optimizer;
  /** What this worker had of each parameter before. */
  readonly before: ReadonlyMap<Parameter, Arrays>;
  readonly owned: (segment: ArenaSegment) => readonly ArenaPart[] | undefined;
}

/** A collective of the hosts' speakers: the first one's state, of which each host keeps its part. */
export async function takeParts(cross: ProcessGroup, { arena, optimizer, before, owned }: Taking, options: CollectiveOptions): Promise<void> {
  for (const segment of arena.segments) {
    for (const [name, into] of optimizer.places.arraysOf(segment.parameter)) {
      const theirs = cross.rank === 0 ? before.get(segment.parameter)?.find(([own]) => own === name)?.[1] : undefined;
      const data = theirs ?? new Float32Array(into.length);
      await cross.broadcast({ dtype: "float32", data }, 0, options);
      if (cross.rank > 0) for (const { begin, end } of owned(segment) ?? [{ begin: 0, end: into.length }]) into.set(data.subarray(begin, end), begin);
    }
  }
}

/** Who gets it. */
export interface Gathering {
  /** This worker. */
  readonly keeps: boolean;
  /** Not only the hosts' speakers; the same on all. */
  readonly everywhere: boolean;
}

/** A collective. The state of all parameters, bucket by bucket: who does not keep it needs no memory for it. Undefined where nothing is shared out between hosts. */
export async function wholeState(
  { group, local, cross, hosts }: World,
  placement: Placement,
  optimizer: Optimizer,
  { keeps, everywhere }: Gathering,
  options: CollectiveOptions,
): Promise<WholeState | undefined> {
  if (placement.shardedOverDevices) return stateOfDevices(group, placement, optimizer, keeps, options);
  if (!placement.shardedOverHosts) return undefined;
  const whole = new Map<Parameter, Map<string, Float32Array>>();
  for (const { arena, buckets } of placement.arenas) {
    const steps = optimizer.places.stepsIn(arena);
    if (steps.every((n) => n === 0)) continue;
    for (const [i, { data }] of optimizer.places.in(arena).entries()) {
      const name = optimizer.places.names[i]!;
      for (const bucket of buckets) {
        if (bucket.segments.every(({ index }) => steps[index] === 0)) continue;
        const all = new Float32Array(cross || everywhere ? bucket.end - bucket.begin : 0);
        if (cross) {
          const own = hostPart(bucket, { host: placement.host, hosts });
          all.set(data.subarray(own.begin, own.end), own.begin - bucket.begin);
          await gatherParts(cross, all, { begin: 0, end: all.length }, options);
        }
        if (everywhere) await local.broadcast({ dtype: "float32", data: all }, 0, options);
        for (const { parameter, offset, length, index } of keeps ? bucket.segments : []) {
          if (steps[index] === 0) continue;
          const states = whole.get(parameter) ?? new Map<string, Float32Array>();
          whole.set(parameter, states.set(name, all.slice(offset - bucket.begin, offset - bucket.begin + length)));
        }
      }
    }
  }
  return whole;
}

/** The same where each device has a part. */
async function stateOfDevices(
  group: ProcessGroup,
  placement: Placement,
  optimizer: Optimizer,
  keeps: boolean,
  options: CollectiveOptions,
): Promise<WholeState> {
  const whole = new Map<Parameter, Map<string, Float32Array>>();
  for (const { arena, buckets } of placement.arenas) {
    const steps = optimizer.places.stepsIn(arena);
    for (const [i, state] of optimizer.places.on(arena).entries())
      for (const bucket of buckets) {
        const own = bucket.segments.filter(({ index }) => steps[index] !== 0 && state.has(index));
        if (own.length === 0) continue;
        const all = new Float32Array(bucket.end - bucket.begin);
        for (const s of own) all.set(state.host(s.index), s.offset - bucket.begin);
        await gatherParts(group, all, { begin: 0, end: all.length }, options);
        for (const { parameter, offset, length } of keeps ? own : []) {
          const states = whole.get(parameter) ?? new Map<string, Float32Array>();
          whole.set(parameter, states.set(optimizer.places.names[i]!, all.slice(offset - bucket.begin, offset - bucket.begin + length)));
        }
      }
  }
  return whole;
}
