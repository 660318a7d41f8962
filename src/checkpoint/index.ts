// Checkpoints as directories: whole or not there, checked when they are read. What is in them is others' business.
export { BackgroundWriter, type CopiedFile } from "./background.js";
export { CheckpointError, type CheckpointErrorCode } from "./errors.js";
export { bytesOf, type FileContent, stopped, writeAllHashed, writeFault, writeHashed, type WriteOptions, type WritePoint } from "./files.js";
export { type Manifest, type ManifestFile, manifestName } from "./manifest.js";
export { nextNumber, type NumberedCheckpoint, numberedCheckpoints, numberedDirectory, prune } from "./retention.js";
export { beginCheckpoint, commitCheckpoint, discard, type HostName, removeCheckpoint, sweep } from "./staging.js";
export { decodeValue, type EncodedValue, encodeValue, type JsonValue, type TensorForm } from "./values.js";
export { readManifest, verifyCheckpoint } from "./verify.js";
