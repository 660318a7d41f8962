// How each collective goes through the memory that a host's ranks share: what is put in, what goes between the hosts, what is taken out.
import { type DType, dtypes, type TypedArray } from "../../graph/dtype.js";
import type { LinkedGroup } from "../fault-link.js";
import type { GlooGroup } from "../gloo/gloo-group.js";
import type { NativeGloo } from "../gloo/native-gloo.js";
import type { CollectiveName, ProcessGroup, ReduceOp } from "../process-group.js";
import { type Board, bytesOf, type NumberedCall } from "./board.js";
import type { Layout } from "./layout.js";
import { chunkBytes, type PipelineGroups, type Stages } from "./pipeline.js";

/** A group of the hosts' speakers. */
export type CrossGroup = Pick<GlooGroup, "allReduceDivided" | "attend" | "faultNow"> & ProcessGroup;

export type LocalGroup = ProcessGroup & LinkedGroup;

export interface Parts {
  readonly native: NativeGloo;
  readonly layout: Layout;
  /** Groups that nobody else uses: their calls are issued when the network is done, at different times on different ranks. */
  readonly local: LocalGroup;
  readonly cross: CrossGroup | undefined;
  readonly board: Board;
  /** Memory that the host's ranks share. */
  readonly slots: readonly Uint8Array[];
}

/** A call that carries numbers. */
export type DataCall = NumberedCall & { readonly dtype: DType; readonly input: TypedArray; readonly output: TypedArray };
type MakeStages = (parts: Parts, call: DataCall, groups: PipelineGroups) => Stages;

/** 16-bit floats are added in float32 on all levels, and rounded once. */
const widened: { readonly [D in DType]?: true } = { float16: true, bfloat16: true };

/** from, to: the elements of the whole that this rank wants. */
function reduceStages({ native, layout, slots }: Parts, call: DataCall, { local, options }: PipelineGroups, from: number, to: number): Stages {
  const { input, output, dtype, count } = call;
  const reduce = call.reduce as ReduceOp;
  const wide = widened[dtype] === true;
  const working: DType = wide ? "float32" : dtype;
  const { array, bytes: itemBytes } = dtypes[working];
  const here = layout.hosts[layout.host]!;
  const items = Math.floor(chunkBytes / itemBytes / here.length) * here.length;
  const lengthOf = (chunk: number) => Math.min(items, count - chunk * items);
  const inSlot = (slot: number, begin: number, length: number) =>
    new array(slots[slot]!.buffer as ArrayBuffer, slots[slot]!.byteOffset + begin * itemBytes, length) as TypedArray;
  // For conversion, and for a last chunk that does not divide into parts; one per chunk under way.
  const staging = Array.from(
    { length: wide ? 2 : 1 },
    () => new array(wide || count % here.length !== 0 ? Math.min(items, Math.ceil(count / here.length) * here.length) : 0) as TypedArray,
  );
  return {
    chunks: Math.ceil(count / items),
    fill(chunk, slot) {
      const length = lengthOf(chunk);
      const padded = Math.ceil(length / here.length) * here.length;
      const source = input.subarray(chunk * items, chunk * items + length);
      let data = source as TypedArray;
      if (wide || padded !== length) {
        data = staging[chunk % staging.length]!.subarray(0, padded) as TypedArray;
        if (wide) native.widen(dtypes[dtype].onnx, (data as Float32Array).subarray(0, length), source as Uint16Array);
        else (data as Float32Array).set(source as Float32Array);
        (data as Float32Array).fill((data instanceof BigInt64Array ? 0n : 0) as number, length);
      }
      const part = padded / here.length;
      const own = inSlot(slot, here.indexOf(layout.rank) * part, part);
      return local.reduceScatter({ dtype: working, data }, { dtype: working, data: own }, reduce === "max" ? "max" : "sum", options.gathering);
    },
    cross(group, chunk, slot) {
      const data = { dtype: working, data: inSlot(slot, 0, lengthOf(chunk)) };
      if (reduce === "mean") return (group as CrossGroup).allReduceDivided(data, layout.hostOf.length, options.crossing);
      return group.allReduce(data, reduce, options.crossing);
    },
    drain(chunk, slot) {
      const first = chunk * items;
      const [begin, end] = [Math.max(first, from), Math.min(first + lengthOf(chunk), to)];
      if (begin >= end) return;
      const result = inSlot(slot, begin - first, end - begin);
      const target = output.subarray(begin - from, end - from);
      if (wide) native.narrow(dtypes[dtype].onnx, target as Uint16Array, result as Float32Array);
      else (target as Float32Array).set(result as Float32Array);
    },
  };
}

export const stagesOf: Readonly<Record<CollectiveName, MakeStages>> = {
  "all-reduce": (parts, call, groups) => reduceStages(parts, call, groups, 0, call.count),
  "reduce-scatter": (parts, call, groups) => {
    const { rank } = parts.layout;
    return reduceStages(parts, call, groups, rank * call.output.length, (rank + 1) * call.output.length);
  },
  "all-gather": ({ layout, slots }, { input, output }, { options }) => {
    const [from, to] = [bytesOf(input), bytesOf(output)];
    const step = Math.floor(chunkBytes / layout.places);
    const lengthOf = (chunk: number) => Math.min(step, from.length - chunk * step);
    return {
      chunks: Math.ceil(from.length / step),
      fill(chunk, slot) {
        const length = lengthOf(chunk);
        slots[slot]!.set(from.subarray(chunk * step, chunk * step + length), layout.placeOf[layout.rank]! * length);
        return undefined;
      },
      cross(group, chunk, slot) {
        const perHost = lengthOf(chunk) * layout.placesPerHost;
        const all = slots[slot]!.subarray(0, perHost * layout.hosts.length);
        const own = all.subarray(layout.host * perHost, (layout.host + 1) * perHost);
        return group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options.crossing);
      },
      drain(chunk, slot) {
        const length = lengthOf(chunk);
        for (const [rank, place] of layout.placeOf.entries())
          to.set(slots[slot]!.subarray(place * length, (place + 1) * length), rank * from.length + chunk * step);
      },
    };
  },
  broadcast: ({ layout, slots }, { output, root = 0 }, { options }) => {
    const data = bytesOf(output);
    const lengthOf = (chunk: number) => Math.min(chunkBytes, data.length - chunk * chunkBytes);
    const piece = (chunk: number) => data.subarray(chunk * chunkBytes, chunk * chunkBytes + lengthOf(chunk));
    return {
      chunks: Math.ceil(data.length / chunkBytes),
      fill(chunk, slot) {
        if (layout.rank === root) slots[slot]!.set(piece(chunk));
        return undefined;
      },
      cross: (group, chunk, slot) =>
        group.broadcast({ dtype: "uint8", data: slots[slot]!.subarray(0, lengthOf(chunk)) }, layout.hostOf[root]!, options.crossing),
      drain(chunk, slot) {
        if (layout.rank !== root) piece(chunk).set(slots[slot]!.subarray(0, lengthOf(chunk)));
      },
    };
  },
  barrier: () => ({ chunks: 0, fill: () => undefined, cross: async () => {}, drain: () => {} }),
};
