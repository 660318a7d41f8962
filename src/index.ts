// The package's front door: what a training program imports from "accelerate-ts". Models, layers, metrics and the graph have entry points of their own.
export {
  Accelerator,
  type AcceleratorOptions,
  type Gathered,
  type PadOptions,
  type Preparable,
  type Prepared,
  type Same,
  StoppedError,
  type Tensors,
} from "./accelerator/index.js";
export {
  type Batch,
  ClassLabel,
  type Collated,
  type Collator,
  type Columns,
  type ColumnValue,
  DataCollatorWithPadding,
  DataLoader,
  type DataLoaderOptions,
  Dataset,
  type DatasetDict,
  type Features,
  type KnownDatasets,
  loadDataset,
  type MapDataset,
  type MapOptions,
  type Mapper,
  type ModuleRef,
  type Padded,
  type Row,
} from "./data/index.js";
export { CollectiveError } from "./distributed/errors.js";
export { AccelerateError, ArgumentError, ShapeError } from "./errors.js";
export { type KnownMetrics, loadMetric, type Metric } from "./metrics/index.js";
export {
  Adam,
  type AdamOptions,
  AdamW,
  type AdamWOptions,
  clipGradNorm,
  clipGradValue,
  getScheduler,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type Params,
  parameterGroups,
  type Scheduler,
  type SchedulerName,
  SGD,
  type SGDOptions,
} from "./optim/index.js";
export { type ProgressBar, type ProgressOptions, progress } from "./progress.js";
export { type Device, Engine, type EngineOptions } from "./runtime/index.js";
export {
  arange,
  cat,
  type Dim,
  type DType,
  defaultGenerator,
  fromData,
  full,
  Generator,
  type Index,
  type Nested,
  type NestedNumbers,
  ones,
  type Scalar,
  setSeed,
  stack,
  Tensor,
  tensor,
  where,
  zeros,
} from "./tensor/index.js";
export { version } from "./version.js";
