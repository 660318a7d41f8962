// What an optimizer's update of one arena gets, and the gradients of one process alone.
import type { Arena } from "../runtime/arena.js";
import type { ArenaShare, CollectedGradients, GradientSources } from "../tensor/index.js";
import type { OptimizerKernels } from "./kernels.js";
import type { RowedSegment } from "./ranges.js";

/** What the update of one arena gets. */
export interface ArenaUpdate {
  readonly kernels: OptimizerKernels;
  readonly values: Float32Array;
  readonly grads: Float32Array | GradientSources;
  /** One array per name in `stateNames`: laid out as the parameters are where the state has their shape. */
  readonly states: readonly Float32Array[];
  /** The same with the places of parameters in them. */
  readonly stateArenas: readonly Arena[];
  /** What is to be updated, merged into ranges. */
  readonly ranges: Float64Array;
  /** The same by parameter. Some may lie outside of this worker's share, and at its ends in part. */
  readonly segments: readonly RowedSegment[];
  readonly share: Pick<ArenaShare, "parts">;
  readonly rows: Float64Array;
}

/** The gradients of one process, as they lie in the arenas. */
export const ownGradients: CollectedGradients = {
  has: (segment) => segment.hasGrad,
  contributors: () => 1,
  scale: () => 1,
  share: (arena) => ({ gradients: arena.ownGradients(), parts: [{ begin: 0, end: arena.length }] }),
};
