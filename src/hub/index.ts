// The Hugging Face Hub: files of models and data sets, fetched once into the cache that Python's huggingface_hub uses, too.
export { HubError, type HubErrorCode } from "./errors.js";
export { hubDownload } from "./file.js";
export { isRepoId } from "./names.js";
export { resolvePretrained, type WantedFile } from "./pretrained.js";
export { hubSnapshot } from "./snapshot.js";
export type { HubOptions, Repo, RepoFile, RepoType, SnapshotOptions } from "./types.js";
