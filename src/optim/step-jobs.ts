// A step of one optimizer: all that may be refused is asked before any parameter is written, and a step that fails is counted by nobody.
import { Engine } from "../runtime/engine.js";
import { type CollectedGradients, DeviceSegments, type ParameterArena } from "../tensor/index.js";
import type { ArenaUpdate } from "./arena-update.js";
import { refuseOption } from "./checks.js";
import type { UpdateRule } from "./device-updates.js";
import type { GroupState, Hyperparameters } from "./groups.js";
import { kernelsOf } from "./kernels.js";
import { byArena, mergedRanges, type RowedSegment } from "./ranges.js";
import type { StatePlaces } from "./state-places.js";
import type { StateRows, SteppingSegment } from "./state-rows.js";
import { UpdateRows } from "./update-rows.js";
import { updatesOf } from "./updates-of.js";

/** What is asked of the optimizer. */
export interface Stepping<H extends Hyperparameters> {
  /** In messages. */
  readonly name: string;
  readonly groups: readonly GroupState<H>[];
  readonly places: StatePlaces;
  readonly stateRows: StateRows;
  readonly rule: UpdateRule | undefined;
  check(group: GroupState<H>): void;
  constants(group: GroupState<H>, step: number, gradScale: number): readonly number[];
  crossesGaps(group: GroupState<H>): boolean;
  update(update: ArenaUpdate): Promise<void>;
}

type Stepped = RowedSegment & SteppingSegment;
interface Own {
  readonly gradients: CollectedGradients;
  readonly own: readonly Stepped[];
  readonly rows: Float64Array;
}

/** The jobs of a step, which have begun. Rejects when one of them does. */
export class StepJobs {
  readonly done: Promise<void>;
  #counted: (() => void) | undefined;

  constructor(jobs: readonly Promise<void>[], uncount: () => void) {
    this.#counted = uncount;
    this.done = Promise.all(jobs).then(
      () => {
        this.#counted = undefined;
      },
      (error: unknown) => {
        this.uncount();
        throw error;
      },
    );
  }
  /** The step counts no more, unless all of it was made. */
  uncount(): void {
    this.#counted?.();
    this.#counted = undefined;
  }
}

/** Makes a step. `count` says whether the optimizer counts it: at once, so that what is asked next finds it, and undone where it fails. */
export function beginStep<H extends Hyperparameters>(
  stepping: Stepping<H>,
  { gradients, gradScale, count }: { readonly gradients: CollectedGradients; readonly gradScale: number; readonly count: (by: 1 | -1) => void },
): StepJobs {
  const { groups, places, stateRows } = stepping;
  for (const group of groups) stepping.check(group);
  const rows = new UpdateRows<GroupState<H>>((group, step, scale) => stepping.constants(group, step, scale));
  const segments: Stepped[] = [];
  for (const group of groups) {
    const crossesGaps = stepping.crossesGaps(group);
    for (const parameter of group.params) {
      const segment = parameter.segment();
      if (!segment || !gradients.has(segment)) continue;
      const step = places.nextOf(parameter);
      const row = rows.row(group, step, gradScale * gradients.scale(segment));
      segments.push({ segment, step, row, crossesGaps, contributors: gradients.contributors(segment) });
    }
  }
  for (const { segment } of segments) places.settle(segment);
  places.dropUnused();
  stateRows.refresh(places.written);
  const updates = [...byArena(segments)].map(([arena, own]) => {
    const given = { gradients, own, rows: rows.numbers };
    return arena.device ? onDevice(stepping, arena, given) : onHost(stepping, arena, given);
  });
  const counting = (by: 1 | -1): void => {
    places.count(segments, by);
    count(by);
  };
  counting(1);
  const uncount = () => counting(-1);
  const jobs: Promise<void>[] = [];
  try {
    for (const begin of updates) begin(jobs);
  } catch (error) {
    uncount();
    for (const job of jobs) job.catch(() => {}); // the first error is told
    throw error;
  }
  return new StepJobs(jobs, uncount);
}

/** Adds the jobs that update an arena. */
type Begin = (jobs: Promise<void>[]) => void;

function onHost<H extends Hyperparameters>({ places, stateRows, update }: Stepping<H>, arena: ParameterArena, { gradients, own, rows }: Own): Begin {
  const { gradients: grads, ...share } = gradients.share(arena);
  const ranges = mergedRanges(own, share.parts);
  const kernels = kernelsOf(Engine.default());
  // Of every arena, so that an optimizer without a place is refused on all workers.
  const stateArenas = places.in(arena);
  const states = stateArenas.map((state) => state.data);
  const stages = gradients.stages?.(arena);
  return (jobs) => {
    const known = stateRows.with(arena, grads as Exclude<typeof grads, DeviceSegments>, own);
    const place = { kernels, values: arena.values, grads: known, states, stateArenas, segments: own, rows };
    for (const { parts, ready, taken } of stages ?? []) {
      const due = mergedRanges(own, parts);
      const updating = ready.then(() => (due.length > 0 ? update({ ...place, share: { parts }, ranges: due }) : undefined));
      taken(updating);
      jobs.push(updating);
    }
    if (!stages && ranges.length > 0) jobs.push(update({ ...place, share, ranges }));
    for (const { segment } of own) segment.parameter.changed();
  };
}

function onDevice<H extends Hyperparameters>({ name, rule, places }: Stepping<H>, arena: ParameterArena, { gradients, own, rows }: Own): Begin {
  const { gradients: grads, parts } = gradients.share(arena);
  if (!(grads instanceof DeviceSegments)) throw new TypeError("an arena on a device has its gradients there");
  const { context } = grads;
  const updates = updatesOf(context);
  if (rule === undefined || !updates.rules.has(rule))
    refuseOption(`${name} cannot update parameters on ${context.device}`, "train with another optimizer, or on the CPU");
  const states = Object.fromEntries(places.on(arena).map((state, i) => [places.names[i]!, state]));
  const ranges = mergedRanges(own, parts);
  return (jobs) => {
    jobs.push(updates.step({ rule: rule!, values: arena.device!.values, gradients: grads, states, ranges, segments: own, rows }));
    for (const { segment } of own) segment.parameter.updated();
  };
}
