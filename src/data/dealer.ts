// What a loader needs when rank 0 reads for all: a way to give every rank its own message.

export interface Dealer {
  /**
   * Rank 0 gives a message for every rank, in the order of ranks, the others nothing; every rank gets its own. The same calls on every rank.
   */
  scatter(messages: readonly Uint8Array[] | undefined): Promise<Uint8Array>;
}
