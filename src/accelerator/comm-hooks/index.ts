// Communication hooks: how gradients travel between hosts.
export type { BucketGradient, CommHook, GradientBucket, HostLink } from "./hook.js";
export { type DdpOptions, type HostPart, HostSums, overlaps } from "./host-sums.js";
export type { PowerSgdOptions } from "./low-rank.js";
export { batchedPowerSgd, powerSgd } from "./power-sgd.js";
