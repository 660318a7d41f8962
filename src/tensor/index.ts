// Tensors, parameters and the recording behind them.
export type { DType } from "../graph/dtype.js";
export type { Device } from "../runtime/device.js";
export { apply } from "./apply.js";
export { backward, type BackwardOptions } from "./backward.js";
export { allowUpdates, updateBuffer } from "./buffers.js";
export { callTraced, type Traceable } from "./call.js";
export { arange, cat, fromData, full, ones, stack, tensor, where, zeros } from "./create.js";
export { type DeviceJob, graphsOf, runAllOnDevice, runOnDevice, takeScratch } from "./device-graphs.js";
export { type DeviceSegmentRequest, DeviceSegments } from "./device-segments.js";
export { defaultExecutor, Executor } from "./executor.js";
export type {
  ArenaPart,
  ArenaShare,
  CollectedGradients,
  GradientExchange,
  GradientMemory,
  GradientNorm,
  GradientSources,
  UpdateStage,
} from "./gradient-exchange.js";
export type { ExpectedGradient, GradientBuckets, RunTaps } from "./taps.js";
export { fillRows, GradientRows, type SourceRows, type TablePlace, tablesOf } from "./gradient-rows.js";
export { defaultGenerator, Generator, type GeneratorState, setSeed } from "./generator.js";
export { Parameter } from "./parameter.js";
export { type ArenaPlacement, type ArenaSegment, type DeviceArena, ParameterArena } from "./parameter-arena.js";
export { noteParameterChange, type ParameterChange, parameterChanges } from "./parameter-changes.js";
export { activeDevice } from "./resident.js";
export { Tensor } from "./tensor.js";
export { activeTracer } from "./trace.js";
export type { Dec, Dim, Inc, Index, MatMulFlags, Nested, NestedNumbers, NumbersIn, SliceText, WaitOptions } from "./types.js";
import type { Tensor as AnyTensor } from "./tensor.js";
/** A 0-d float32 tensor: a loss. */
export type Scalar = AnyTensor<0, "float32">;
