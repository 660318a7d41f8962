// What has to go up for a run.
import type { TypedArray } from "../graph/dtype.js";
import type { DeviceArray } from "../runtime/device-context.js";

export interface Upload {
  readonly from: TypedArray;
  readonly into: DeviceArray;
  /** It never went up: the next run sends it again. */
  readonly failed?: () => void;
}

export function pushUpload(uploads: Upload[], from: TypedArray, into: DeviceArray, failed: () => void): void {
  if (from.length > 0) uploads.push({ from, into, failed });
}
