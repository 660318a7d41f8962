// What a loader tells its collator beside the rows.

/** Where numbers are float32 though every one of a batch be whole: paths of values in their rows, "labels" or "0.validLen". Collators add those where they meet fractions. */
export type FloatPaths = Set<string>;

/** A collator whose batches are random draws them from its seed and from these, so that they depend on no thread and are the same after a resume. */
export interface CollateContext {
  readonly epoch: number;
  /** Numbers of the rows in their dataset; places in the stream. */
  readonly rows: readonly number[];
  readonly floats: FloatPaths;
}

/** Without a loader: nothing is known. */
export const noContext = (): Pick<CollateContext, "floats"> => ({ floats: new Set() });
