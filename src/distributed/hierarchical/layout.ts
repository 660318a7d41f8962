// Which ranks share a host, and the place of each in memory that is gathered over hosts: as many places per host as the fullest one needs.
export interface Layout {
  readonly rank: number;
  readonly host: number;
  /** Ranks of every host, in order; the first speaks for it. */
  readonly hosts: readonly (readonly number[])[];
  readonly placesPerHost: number;
  /** Of all hosts. */
  readonly places: number;
  /** The place of every rank. */
  readonly placeOf: readonly number[];
  readonly hostOf: readonly number[];
}

export function layoutOf(rank: number, hostOfRank: readonly number[]): Layout {
  const hosts = Array.from({ length: Math.max(...hostOfRank) + 1 }, (_, host) => hostOfRank.flatMap((of, index) => (of === host ? [index] : [])));
  const placesPerHost = Math.max(...hosts.map((ranks) => ranks.length));
  return {
    rank,
    host: hostOfRank[rank]!,
    hosts,
    placesPerHost,
    places: hosts.length * placesPerHost,
    placeOf: hostOfRank.map((host, index) => host * placesPerHost + hosts[host]!.indexOf(index)),
    hostOf: hostOfRank,
  };
}
