// Sizes of tensors in the very call that is recorded or traced, also where forward sees symbols.
import type { Dim } from "../graph/dims.js";
import type { Tensor } from "../tensor/index.js";

const dimsOf = ({ state }: Tensor): readonly Dim[] => (state.kind === "symbolic" ? state.value.shape : state.shape);
const envOf = ({ state }: Tensor) => (state.kind === "symbolic" ? state.tracer.graph.env : undefined);

/** Sizes in this call; undefined where only a run can tell. */
export const sizesInCall = (x: Tensor): readonly (number | undefined)[] => dimsOf(x).map((d) => (typeof d === "number" ? d : envOf(x)?.hint(d)));

/**
 * Whether the first `count` sizes of two tensors are the same, as far as they are known. In forward a yes becomes a guard: a later call
 * in which they differ is traced anew.
 */
export function sameSizes(x: Tensor, y: Tensor, count: number): boolean {
  const [a, b] = [sizesInCall(x), sizesInCall(y)];
  const env = envOf(x) ?? envOf(y);
  for (let i = 0; i < count; i++) {
    if (a[i] === undefined || b[i] === undefined) continue;
    if (a[i] !== b[i]) return false;
    env?.equal(dimsOf(x)[i]!, dimsOf(y)[i]!);
  }
  return true;
}
