// Facts about a recording: what can be differentiated, what has gone stale, who uses what.
import type { Parameter } from "./parameter.js";
import type { LazyState, Recorded, RecordedCall } from "./state.js";
import type { Tensor } from "./tensor.js";

/** Sum of versions: grows when any of the parameters changes. */
export function versionOf(parameters: Iterable<Parameter>): number {
  let sum = 0;
  for (const p of parameters) sum += p.version;
  return sum;
}

/** Whether a parameter of the call has changed since it was recorded. */
export const isStale = (call: RecordedCall): boolean => call.version !== versionOf(call.trace.parameters.keys());

/** Whether anything behind a recorded node is stale; recipes that were dropped count as values. */
export function anyStale(node: Recorded, seen: Map<Recorded, boolean> = new Map()): boolean {
  const known = seen.get(node);
  if (known !== undefined) return known;
  seen.set(node, false);
  const result =
    (node.kind === "call" && isStale(node)) ||
    node.inputs.some((x) => x.state.kind === "lazy" && x.state.source !== undefined && !x.state.data && anyStale(x.state.source, seen));
  seen.set(node, result);
  return result;
}

/** Whether a gradient could flow through what was recorded. */
export function differentiable(node: Recorded, seen: Map<Recorded, boolean> = new Map()): boolean {
  const known = seen.get(node);
  if (known !== undefined) return known;
  const own = node.kind === "call" && [...node.trace.parameters.keys()].some((p) => p.requiresGrad);
  const cut = node.kind === "op" && node.op === "detach";
  const result =
    own ||
    (!cut &&
      node.inputs.some((x) => {
        if (x.state.kind === "parameter") return (x as Parameter).requiresGrad;
        return x.state.kind === "lazy" && x.state.source !== undefined && differentiable(x.state.source, seen);
      }));
  seen.set(node, result);
  return result;
}

/** Drops the recipe of a computed tensor once it can no longer be run, so that running totals do not keep every step alive. */
function expire(state: LazyState): void {
  const source = state.source;
  if (!state.data || !source || !anyStaleBehind(source)) return;
  state.expired = differentiable(source);
  state.source = undefined;
  state.users = [];
}
/** Like anyStale, but looks through computed tensors too: they would have to be run again for a gradient. */
function anyStaleBehind(node: Recorded): boolean {
  if (node.kind === "call") return isStale(node);
  return node.inputs.some((x) => x.state.kind === "lazy" && (x.state.expired || (x.state.source !== undefined && anyStaleBehind(x.state.source))));
}

/** Notes that tensors are inputs of a newly recorded node. */
export function noteUse(inputs: readonly Tensor[], by: Recorded): void {
  for (const x of inputs) {
    if (x.state.kind !== "lazy") continue;
    expire(x.state);
    if (x.state.source) x.state.users.push(by);
  }
}
