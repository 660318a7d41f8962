// What the runs of programs on the host read and write besides results: feeds, parameters, gradients that are rows.
import type { TypedArray } from "../graph/dtype.js";
import type { RowGradient } from "../runtime/binding.js";
import type { InputSlot } from "./forward-graph.js";
import type { ArenaSegment } from "./parameter-arena.js";
import type { Plan } from "./plan.js";
import { type Program, sizesFor } from "./program.js";

/** The numbers behind a tensor that is fed or bound. */
export function memoryOf(slot: InputSlot, plan: Plan, program: Program): { data: TypedArray; shape: readonly number[] } {
  if (slot.kind === "parameter") {
    const p = plan.parameters[slot.parameter]!;
    return { data: p.values(), shape: p.shape };
  }
  if (slot.kind === "sizes") return sizesFor(slot, program, plan);
  if (slot.kind === "mask") throw new Error("a program of the processor draws its own masks");
  const x = plan.feeds[slot.feed]!;
  const s = x.state;
  if (s.kind === "symbolic" || s.kind === "parameter" || !s.data) throw new Error(`feed ${slot.feed} has no values`);
  return { data: s.data, shape: s.shape };
}

/** Gradients that leave the graph as rows: ONNX Runtime allocates them, for nobody knows beforehand how many there are, and the run puts them in their places. */
export function rowGradients({ outputs, updated }: Plan, { binding, asRows }: Program, segments: readonly ArenaSegment[]): RowGradient[] {
  const first = outputs.length + updated.length;
  let numbers = first + segments.length;
  return segments.flatMap((segment, k) => {
    if (!asRows[k]) return [];
    const [rows, values] = [numbers++, first + k];
    binding.bindOutputDynamic(rows);
    binding.bindOutputDynamic(values);
    const { bits, place } = segment.rows!;
    return [{ rows, values, into: segment.grad, bits, width: place.width, adds: segment.hasGrad }];
  });
}
