// The arrays of an optimizer's state, out of its arenas and back into them.
import type { Parameter } from "../tensor/index.js";
import type { OptimizerState, ParameterState } from "./state.js";
import type { StatePlaces } from "./state-places.js";

type Named = ReadonlyMap<string, Parameter>;
/** What is saved for the array `view` of a parameter's state: itself, a copy, or what was brought together of it. */
export type TakeState = (view: Float32Array, parameter: Parameter, name: string) => Float32Array;

/** By parameter name; those that were never updated have none. `writes`: the arrays are written to, as a whole. */
export function collectState(
  named: Named,
  places: StatePlaces,
  take: TakeState,
  { writes }: { readonly writes: boolean },
): Readonly<Record<string, ParameterState>> {
  const state: Record<string, ParameterState> = {};
  for (const [name, parameter] of named) {
    const step = places.stepOf(parameter);
    if (step === undefined) continue;
    const arrays = places.arraysOf(parameter, { writes }).map(([key, view]) => [key, take(view, parameter, key)] as const);
    state[name] = { step, ...Object.fromEntries(arrays) };
  }
  return state;
}

export function writeState(saved: OptimizerState, named: Named, places: StatePlaces): void {
  for (const [name, own] of Object.entries(saved.state))
    for (const [key, view] of places.arraysOf(named.get(name)!, { writes: true })) places.write(named.get(name)!, view, own[key] as ArrayLike<number>);
}

/** Parameters that have no state in the save start from zero, also where they had some. */
export function clearOthers(saved: OptimizerState, named: Named, places: StatePlaces): void {
  for (const [name, parameter] of named)
    if (!(name in saved.state))
      for (const [, view] of places.arraysOf(parameter, { writes: true })) places.write(parameter, view, new Float32Array(view.length));
}
