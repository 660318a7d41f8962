// Training on several workers.
export { Accelerator } from "./accelerator.js";
export type { PadOptions } from "./exchange-tensors.js";
export type { Gathered, Same, Tensors } from "./nested.js";
export type { DataloaderConfig } from "./dataloader-config.js";
export type { AcceleratorOptions } from "./options.js";
export type { Preparable, Prepared } from "./prepare.js";
export type { SaveModelOptions } from "./save-model.js";
export { StoppedError } from "./stopping.js";
