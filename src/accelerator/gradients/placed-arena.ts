// An arena whose parameters several workers train.
import type { ArenaPart, DeviceSegments, ParameterArena } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";

/** An arena and what the workers of the host share beside it, all as long as the arena. (State of optimizers may have other lengths.) */
export interface PlacedArena {
  readonly arena: ParameterArena;
  /** The gradients of each worker of the host, by local rank. */
  readonly peers: readonly Float32Array[];
  /** The mean gradient; each worker writes its part. */
  readonly reduced: Float32Array;
  /** Which rows of tables there are: in the gradients of each worker of the host, and in the mean. */
  readonly rows: PlacedRows;
  /** Where owners put new values for the others; undefined while all workers of the host read the same parameters. */
  readonly published: Float32Array | undefined;
  /** In which its gradients travel. */
  readonly buckets: readonly Bucket[];
  /** Of an arena on a device: the mean gradient there. */
  readonly mean?: DeviceSegments;
  /** Where devices reach each other: what this worker updates, in the order of memory. */
  readonly own?: readonly ArenaPart[];
}

/** Bits of the tables of an arena; see GradientRows. */
export interface PlacedRows {
  readonly peers: readonly Uint32Array[];
  /** Of the mean: each worker's own copy. */
  readonly reduced: Uint32Array;
  /** The same over all hosts: who speaks for the host writes it for the others. */
  readonly told: Uint32Array;
}
