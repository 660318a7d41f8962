// Origin: where a data set comes from, which decides under what name the results of its transforms are cached.
import { fingerprintOf, uniqueFingerprint } from "./fingerprint.js";

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

/** A fingerprint is computed when somebody asks for it. */
class LazyOrigin implements Origin {
  readonly cacheDirectory?: string;
  readonly split?: string;
  readonly info?: DatasetInfo;
  readonly #make: () => string;
  #fingerprint: string | undefined;
  constructor(place: Omit<Origin, "fingerprint">, make: () => string) {
    this.#make = make;
    if (place.cacheDirectory !== undefined) this.cacheDirectory = place.cacheDirectory;
    if (place.split !== undefined) this.split = place.split;
    if (place.info !== undefined) this.info = place.info;
  }
  get fingerprint(): string {
    this.#fingerprint ??= this.#make();
    return this.#fingerprint;
  }
}

/** Of rows that came from this process's memory. */
export const unknownOrigin = (): Origin => new LazyOrigin({}, uniqueFingerprint);

/** The origin of what a transform makes: same place, a fingerprint of all that went into it. */
export const after = (origin: Origin, transform: string, ...parts: unknown[]): Origin =>
  new LazyOrigin(origin, () => fingerprintOf(origin.fingerprint, transform, ...parts));
/** Of what a transform makes whose result has no name: it was drawn at random, or a closure made it. What comes of it would never be found in the cache, and is not put there. */
export const afterUnknown = ({ split, info }: Origin): Origin =>
  new LazyOrigin({ ...(split === undefined ? {} : { split }), ...(info ? { info } : {}) }, uniqueFingerprint);
export const named = (origin: Origin, fingerprint: string): Origin => new LazyOrigin(origin, () => fingerprint);
