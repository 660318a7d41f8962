// What a worker of a chaos run is told, as JSON in its first argument.

/** Where a worker fails: before it has an Accelerator, or in a step. */
export const places = ["start", "data", "forward", "gradient", "collective", "update"] as const;
export type Place = (typeof places)[number];
/** How it fails by itself. */
export const ownFaults = ["throw", "exit", "abort"] as const;
export type OwnFault = (typeof ownFaults)[number];

export interface WorkerTask {
  /** For the files "training-<rank>", written after the first step, and "fault", written just before the failure: milliseconds since 1970. */
  readonly folder: string;
  readonly steps: number;
  readonly fault?: { readonly kind: OwnFault; readonly rank: number; readonly step: number; readonly place: Place };
}
