// Who updates parameters on a device: kernels of ours where they are there, else graphs.
import type { DeviceContext } from "../runtime/device-context.js";
import type { DeviceUpdates } from "./device-updates.js";
import { GraphUpdates } from "./graphs/graph-updates.js";
import { KernelUpdates } from "./kernel-updates.js";

const known = new WeakMap<DeviceContext, DeviceUpdates>();

/** The same for all optimizers of a device. */
export function updatesOf(context: DeviceContext): DeviceUpdates {
  let updates = known.get(context);
  if (!updates) {
    updates = context.optimizerKernels ? new KernelUpdates(context) : new GraphUpdates(context);
    known.set(context, updates);
  }
  return updates;
}
