// The error of everything that saves and loads a run.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

/**
 * | code | meaning |
 * |---|---|
 * | ERR_CHECKPOINT_DIRECTORY | no place was named and none follows from the options |
 * | ERR_CHECKPOINT_EXISTS | the target is there already |
 * | ERR_CHECKPOINT_NOT_FOUND | what was named is no checkpoint, or another host cannot see it |
 * | ERR_CHECKPOINT_WRITE | a file could not be written |
 * | ERR_CHECKPOINT_DISK_FULL | no space left; nothing was changed |
 * | ERR_CHECKPOINT_STOPPED | the signal was aborted; nothing was changed |
 * | ERR_CHECKPOINT_DAMAGED | a file is missing, cut off or changed, or the manifest is not what was written |
 * | ERR_CHECKPOINT_VERSION | written in a format that this version does not read |
 * | ERR_CHECKPOINT_MISMATCH | whole, but of another program |
 * | ERR_CHECKPOINT_OBJECT | an object that cannot be saved or loaded |
 */
export type CheckpointErrorCode =
  | "ERR_CHECKPOINT_DIRECTORY"
  | "ERR_CHECKPOINT_EXISTS"
  | "ERR_CHECKPOINT_NOT_FOUND"
  | "ERR_CHECKPOINT_WRITE"
  | "ERR_CHECKPOINT_DISK_FULL"
  | "ERR_CHECKPOINT_STOPPED"
  | "ERR_CHECKPOINT_DAMAGED"
  | "ERR_CHECKPOINT_VERSION"
  | "ERR_CHECKPOINT_MISMATCH"
  | "ERR_CHECKPOINT_OBJECT";

/** A run that could not be saved or loaded. */
export class CheckpointError extends AccelerateError {
  constructor(code: CheckpointErrorCode, message: string, options: AccelerateErrorOptions = {}) {
    super(code, message, options);
  }
}
