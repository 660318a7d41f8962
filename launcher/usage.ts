// A command line that cannot be meant: the message is all that is printed, and the exit code is 2.
import { AccelerateError, type AccelerateErrorOptions } from "../src/errors.js";

export class UsageError extends AccelerateError {
  constructor(message: string, options: AccelerateErrorOptions = {}) {
    super("ERR_USAGE", message, options);
  }
}
