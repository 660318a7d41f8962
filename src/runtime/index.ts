// The runtime: devices, the engine and its sessions, flat memory.
export { Arena, type ArenaMemory, type Segment, type SegmentRequest } from "./arena.js";
export { ArenaBound } from "./arena-bound.js";
export { type CompressKernels, compressKernelsOf, halfFormats } from "./compress.js";
export { Binding, type RunOptions, type TakenOutput } from "./binding.js";
export { cpu, type Device, type DeviceType, parseDevice } from "./device.js";
export type { DeviceArray, DeviceContext, DeviceCounters, DeviceMemoryUse } from "./device-context.js";
export type { DeviceOptions } from "./device-options.js";
export { DeviceNodesError } from "./placement.js";
export { Engine, type EngineOptions } from "./engine.js";
export { EngineError, type EngineErrorCode } from "./engine-error.js";
export { usableCores, usableMemory } from "./host.js";
export { type CallKey, dropoutKey, dropoutMask, philox4x32 } from "./philox.js";
export { type EngineMemory, Session, type PlacedNode, type SessionOptions, type SlotInfo } from "./session.js";
