// Collectives between the processes of a run: groups of ranks, and the world that an assignment makes.
export type { Assignment } from "./assignment.js";
export { createWorld, type WorldDevice, type WorldOptions } from "./create-world.js";
export { type CollectiveErrorCode, CollectiveError, type CollectiveFault } from "./errors.js";
export { createGlooGroup, type GlooGroupOptions } from "./gloo/create-gloo-group.js";
export type {
  AllocateOptions,
  CollectiveArray,
  CollectiveName,
  CollectiveOptions,
  DeviceCall,
  DeviceGroup,
  DeviceReduce,
  ProcessGroup,
  RankStatus,
  ReduceOp,
  SharedMemory,
  World,
} from "./process-group.js";
export { createShmGroup, type ShmGroupOptions } from "./shm/create-shm-group.js";
export { SingleGroup, type SingleGroupOptions } from "./single-group.js";
export { singleWorld } from "./single-world.js";
export type { StallEvent } from "./stall-watch.js";
export type { Store, StoreOptions } from "./store.js";
