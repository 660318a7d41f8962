// Data: datasets, loading, mapping, collating, batches.

export { type Collated, defaultCollate } from "./collate.js";
export { type Collator, DataLoader, type DataLoaderConstructor, type DataLoaderOptions, type LoaderState } from "./data-loader.js";
export { Dataset } from "./dataset.js";
export { type DatasetDict, type DatasetDictMethods, datasetDict } from "./dataset-dict.js";
export { ClassLabel, type Feature, type Features, type FeatureTypes, type FeatureValue, type RowOf, type Sequence } from "./features.js";
export type { Known, KnownDatasets } from "./known.js";
export { DataFileError, type Files } from "./load/files.js";
export { type Builder, type FileOptions, loadDataset } from "./load/index.js";
export { DataCollatorWithPadding, type Padded, type PaddingOptions } from "./padding-collator.js";
export { Pcg64 } from "./pcg64.js";
export type { BatchSampler, Sampler } from "./sampler.js";
export { skipFirstBatches } from "./skip.js";
export type { Batch, Columns, ColumnValue, MapDataset, MapOptions, Mapper, ModuleRef, Row } from "./types.js";
