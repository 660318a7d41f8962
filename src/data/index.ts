// Data: datasets, loading, mapping, collating, batches.

export { type Collated, defaultCollate } from "./collate/collate.js";
export { type Collator, DataLoader, type DataLoaderConstructor, type DataLoaderOptions, type LoaderState } from "./loader/data-loader.js";
export { concatenateDatasets, type InterleaveOptions, interleaveDatasets } from "./dataset/combine.js";
export { Dataset } from "./dataset/dataset.js";
export { DatasetDict, type DatasetDictMethods, datasetDict } from "./dataset/dataset-dict.js";
export { loadFromDisk } from "./dataset/disk.js";
export type { DatasetInfo } from "./dataset/origin.js";
export { ClassLabel, type Feature, type Features, type FeatureTypes, type FeatureValue, type RowOf, type Sequence, structFeature } from "./columns/features.js";
export type { Known, KnownDatasets } from "./load/known.js";
export { DataFileError } from "./load/files.js";
export { type Builder, type DataFiles, type DownloadMode, type FileOptions, type Files, loadDataset } from "./load/index.js";
export { DataCollatorWithPadding, type Padded, type PaddingOptions } from "./collate/padding-collator.js";
export { Pcg64 } from "./pcg64.js";
export type { CollateContext } from "./collate/context.js";
export { type DefaultCollated, DefaultDataCollator, defaultDataCollator } from "./collate/default-collator.js";
export { DataCollatorForLanguageModeling, type LanguageModelingOptions } from "./collate/language-modeling.js";
export { DataCollatorForTokenClassification } from "./collate/token-classification.js";
export { type LengthGroupedOptions, LengthGroupedSampler } from "./loader/length-grouped.js";
export type { Sampler } from "./loader/sampler.js";
export { SeedableRandomSampler } from "./loader/seedable-sampler.js";
export { BatchSampler, RandomSampler, SeededSampler, SequentialSampler, WeightedRandomSampler } from "./loader/samplers.js";
export type { LoaderStats } from "./loader/stats.js";
export { skipFirstBatches } from "./loader/skip.js";
export type { StreamFilterOptions, StreamMapOptions } from "./stream/functions.js";
export { IterableDataset, type ShuffleOptions, type StreamState } from "./stream/iterable-dataset.js";
export { type IterableDatasetDict, type IterableDatasetDictMethods, iterableDatasetDict } from "./stream/iterable-dataset-dict.js";
export type { Batch, Batched, Columns, ColumnValue, FilterOptions, MapDataset, MapOptions, Mapper, ModuleRef, Row, RunOptions, TensorRow } from "./types.js";
