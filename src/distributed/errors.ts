// Failures of collectives: always with the ranks that caused them.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

export type CollectiveErrorCode =
  | "ERR_COLLECTIVE_MISMATCH"
  | "ERR_COLLECTIVE_TIMEOUT"
  /** A rank's process or host is gone. */
  | "ERR_PEER_LOST"
  /** Somebody ended the group on purpose. */
  | "ERR_COLLECTIVE_ABORTED"
  | "ERR_GROUP_CLOSED"
  /** NCCL or the device has failed. */
  | "ERR_NCCL";

/** Why a group ended; plain data, so that it can travel between ranks. */
export interface CollectiveFault {
  readonly code: CollectiveErrorCode;
  /** Says what, which rank, in which collective, at which place of the program. */
  readonly message: string;
  /** The ranks of the whole job that caused it. */
  readonly ranks: readonly number[];
}

/** A collective that cannot be finished. Errors but mismatch are symptoms: the cause is in `ranks`. */
export class CollectiveError extends AccelerateError {
  declare readonly code: CollectiveErrorCode;
  readonly ranks: readonly number[];

  constructor(fault: CollectiveFault, options: AccelerateErrorOptions = {}) {
    super(fault.code, fault.message, options);
    this.ranks = fault.ranks;
  }
}
