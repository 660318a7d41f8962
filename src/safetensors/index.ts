// The safetensors format: files of named tensors that every framework reads.
export { SafetensorsError, type SafetensorsErrorCode } from "./error.js";
export { type StoredTypeName, storedTypes, type TensorEntry } from "./header.js";
export { loadSafetensors, SafetensorsFile } from "./reader.js";
export { type SaveSafetensorsOptions, saveSafetensors, writeWhole } from "./writer.js";
