// Origin: where a data set comes from, which decides under what name the results of its transforms are cached.
import { uniqueFingerprint } from "./fingerprint.js";

/** What the files say about a data set, with Python's names in camelCase (dataset_info.json). */
export interface DatasetInfo {
  readonly builderName?: string;
  readonly datasetName?: string;
  readonly configName?: string;
  readonly version?: string;
  readonly description?: string;
  readonly citation?: string;
  readonly homepage?: string;
  readonly license?: string;
}

export interface Origin {
  /** 16 hex digits: the same for the same data made the same way. */
  readonly fingerprint: string;
  /** Where results of map and filter are kept as Arrow files; absent: they stay in memory. */
  readonly cacheDirectory?: string;
  /** The name of the split, when the data set is one. */
  readonly split?: string;
  readonly info?: DatasetInfo;
}

/** Of rows that came from this process's memory. */
export const unknownOrigin = (): Origin => ({ fingerprint: uniqueFingerprint() });

/** The origin after a transform: same place, another fingerprint. */
export const after = (origin: Origin, fingerprint: string): Origin => ({ ...origin, fingerprint });
