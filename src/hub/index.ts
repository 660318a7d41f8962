// The Hugging Face Hub: files of models and data sets, fetched once into the cache that Python's huggingface_hub uses, too.
export { type DownloadOptions, downloadFile, fileDigest } from "./download.js";
export { HubError, type HubErrorCode } from "./errors.js";
export { hubDownload } from "./file.js";
export { isRepoId } from "./names.js";
export { type NamePattern, globPath } from "./patterns.js";
export { modelFiles, resolvePretrained, tokenizerFiles, type WantedFile, weightFiles } from "./pretrained.js";
export { Repository } from "./repository.js";
export { hubSnapshot } from "./snapshot.js";
export type { HubOptions, Repo, RepoFile, RepoType, SnapshotOptions } from "./types.js";
