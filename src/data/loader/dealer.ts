// What a loader needs when rank 0 reads for all: a way to give every rank its own message.

export interface Dealer {
  /**
   * Rank 0 gives a message for every rank, in the order of ranks, the others nothing; every rank gets its own. The same calls on every rank. A call has its place among the program's others when it
   * is made, not when the messages are there; they never fail.
   */
  scatter(messages: Promise<readonly Uint8Array[]> | undefined): Promise<Uint8Array>;
}
