// Who keeps whom waiting: a rank that others wait for in vain may itself wait for another one.

interface Wait {
  readonly missing: readonly number[];
  /** Milliseconds; afterwards it is over, or it would have been told again. */
  readonly until: number;
}

/** A wait that goes on is told again when it has lasted twice as long; the news may be late. */
const patience = 1.25;
const lateMs = 1000;

export class Waits {
  readonly #waits = new Map<number, Wait>();

  /** A stall was reported. */
  told(
    { waiting, missing, waitedMs }: { readonly waiting: readonly number[]; readonly missing: readonly number[]; readonly waitedMs: number },
    nowMs: number,
  ): void {
    // Somebody is waited for, and nobody knows whom: nothing to follow.
    if (missing.length === 0) return;
    const until = nowMs + waitedMs * patience + lateMs;
    for (const rank of waiting) this.#waits.set(rank, { missing, until });
  }

  /**
   * The ranks that keep these from coming; they themselves where nothing is known of them, or where ranks wait for each other.
   * gaveUpOn: the ranks for which a rank has waited in vain.
   */
  behind(ranks: readonly number[], nowMs: number, gaveUpOn: (rank: number) => readonly number[] = () => []): readonly number[] {
    const seen = new Set<number>();
    const ends = new Set<number>();
    const follow = (rank: number): void => {
      if (seen.has(rank)) return;
      seen.add(rank);
      const wait = this.#waits.get(rank);
      const missing = gaveUpOn(rank).length > 0 ? gaveUpOn(rank) : wait && wait.until >= nowMs ? wait.missing : [];
      if (missing.length === 0) ends.add(rank);
      for (const next of missing) follow(next);
    };
    for (const rank of ranks) follow(rank);
    return ends.size > 0 ? [...ends].sort((a, b) => a - b) : ranks;
  }
}
