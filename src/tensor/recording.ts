// Facts about a recording: what can be differentiated, what has gone stale, who uses what.
import { isFloat } from "../graph/dtype.js";
import type { Parameter } from "./parameter.js";
import { parameterChanges } from "./parameter-changes.js";
import { isComputed, type LazyState, type Recorded } from "./state.js";
import type { Tensor } from "./tensor.js";
import type { Trace } from "./trace.js";

/** Sum of the versions of what a node reads: grows when any of these parameters changes. */
export function versionOf(inputs: readonly Tensor[], trace?: Trace): number {
  let sum = 0;
  for (const x of inputs) if (x.state.kind === "parameter") sum += (x as Parameter).version;
  if (trace) for (const p of trace.parameters.keys()) sum += p.version;
  return sum;
}

/** Whether a parameter that the node reads has changed since it was recorded. */
export const isStale = (node: Recorded): boolean =>
  node.changes !== parameterChanges("values") && node.version !== versionOf(node.inputs, node.kind === "call" ? node.trace : undefined);

const frozen = new WeakMap<Trace, { readonly changes: number; readonly text: string }>();
/** Which parameters of a trace are frozen now, as text. */
export function frozenParameters(trace: Trace): string {
  const changes = parameterChanges("frozen");
  const known = frozen.get(trace);
  if (known?.changes === changes) return known.text;
  let text = "";
  for (const p of trace.parameters.keys()) if (!p.requiresGrad) text += `-${p.id}`;
  frozen.set(trace, { changes, text });
  return text;
}

/** Whether a node, or one behind it along the inputs that `follow` lets through, is a hit. A loop: recordings may be very long. */
function somewhere(node: Recorded, hit: (node: Recorded) => boolean, follow: (x: Tensor, state: LazyState, by: Recorded) => boolean): boolean {
  const seen = new Set([node]);
  for (const n of seen) {
    if (hit(n)) return true;
    for (const x of n.inputs) if (x.state.kind === "lazy" && x.state.source !== undefined && follow(x, x.state, n)) seen.add(x.state.source);
  }
  return false;
}

/** Whether computing a node would need a stale one; recipes that were dropped count as values. */
export const anyStale = (node: Recorded): boolean => somewhere(node, isStale, (_, state) => !isComputed(state));

const cuts = (node: Recorded): boolean => node.kind === "op" && node.op === "detach";
const trained = (x: Tensor): boolean => x.state.kind === "parameter" && (x as Parameter).requiresGrad;
const readsTrained = (node: Recorded): boolean =>
  (node.kind === "call" && [...node.trace.parameters.keys()].some((p) => p.requiresGrad)) || (!cuts(node) && node.inputs.some(trained));

/** Whether a gradient could flow through a tensor. Integers, booleans and what was detached let none through. */
export function differentiable(x: Tensor): boolean {
  if (!isFloat(x.dtype) || x.state.kind !== "lazy" || x.state.source === undefined) return trained(x);
  return somewhere(x.state.source, readsTrained, (input, _, by) => isFloat(input.dtype) && !cuts(by));
}

function dropRecipe(x: Tensor, state: LazyState, options: { readonly expired: boolean }): void {
  state.expired = options.expired && differentiable(x);
  state.source = undefined;
  state.users = [];
}

/** Drops the recipe of a computed tensor once it can no longer be run, so that running totals do not keep every step alive. */
function expire(x: Tensor, state: LazyState): void {
  // Computed tensors are looked through: they would have to be run again for a gradient.
  const past = (n: Recorded): boolean => isStale(n) || n.inputs.some((i) => i.state.kind === "lazy" && i.state.expired);
  if (isComputed(state) && state.source && somewhere(state.source, past, () => true)) dropRecipe(x, state, { expired: true });
}

/** Notes that tensors are inputs of a newly recorded node. */
export function noteUse(inputs: readonly Tensor[], by: Recorded): void {
  for (const x of inputs) {
    if (x.state.kind !== "lazy") continue;
    expire(x, x.state);
    x.state.used = true;
    if (x.state.source) x.state.users.push(by);
  }
}

/**
 * After a run. A value that no gradient flows through will not be run again: its recipe goes. Users that the run has reached have
 * nothing more to bring out, so what is used in every step does not keep every step alive.
 */
export function settle(broughtOut: readonly Tensor[], reached: ReadonlySet<Recorded>): void {
  for (const node of reached) {
    for (const out of node.outputs) {
      if (out?.state.kind === "lazy" && out.state.users.length > 0) out.state.users = out.state.users.filter((user) => !reached.has(user));
    }
  }
  for (const x of broughtOut) if (x.state.kind === "lazy" && !differentiable(x)) dropRecipe(x, x.state, { expired: false });
}
