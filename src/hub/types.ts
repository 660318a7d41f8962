// What the hub's functions take.
import type { OptionNames } from "../option-names.js";

export type RepoType = "model" | "dataset";

export interface HubOptions {
  /** Branch, tag or commit; default "main". */
  readonly revision?: string | undefined;
  /** Where files are kept, in the layout of Python's huggingface_hub; default HF_HUB_CACHE, else HF_HOME/hub. */
  readonly cacheDir?: string | undefined;
  /** Nothing is fetched: what is not in the cache is an error. HF_HUB_OFFLINE=1 says the same for all calls. */
  readonly localFilesOnly?: boolean | undefined;
  /** A token of the hub; true: the one of HF_TOKEN or `hf auth login` must be there; false: none is sent. Default: that one where there is one. */
  readonly token?: string | boolean | undefined;
  /** Default HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** Files are fetched anew, though they are in the cache. */
  readonly forceDownload?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** false draws no progress; nor does HF_HUB_DISABLE_PROGRESS_BARS=1. */
  readonly progress?: boolean | undefined;
}

/** For checks of the options of functions that can fetch from the hub. */
export const hubOptionNames: OptionNames<HubOptions> = {
  revision: true,
  cacheDir: true,
  localFilesOnly: true,
  token: true,
  endpoint: true,
  forceDownload: true,
  signal: true,
  progress: true,
};

/** A repository of the hub: `{ repo: "nyu-mll/glue", type: "dataset" }`. */
export interface Repo {
  readonly repo: string;
  /** Default "model". */
  readonly type?: RepoType | undefined;
}
export interface RepoFile extends Repo {
  /** Within the repository, with slashes. */
  readonly filename: string;
  /** As in HubOptions. */
  readonly revision?: string | undefined;
}
/** Which files of a repository: names or patterns as of Python's fnmatch, where * matches slashes, too. */
export interface SnapshotOptions extends HubOptions {
  readonly allowPatterns?: string | readonly string[] | undefined;
  readonly ignorePatterns?: string | readonly string[] | undefined;
}
