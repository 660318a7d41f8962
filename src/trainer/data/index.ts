// The data of a Trainer: columns, collators, samplers, loaders.
export { defaultCollator } from "./collator.js";
export { inputNamesOf, labelNamesOf } from "./columns.js";
export { getEvalDataloader, getTestDataloader, getTrainDataloader } from "./loaders.js";
export { hasLength, isDataset, namedDatasets } from "./named.js";
