// Files of data that cannot be written: what the system says, and what to do.
import { AccelerateError } from "../../errors.js";
import { writeAdvice } from "../../write-advice.js";

/** A file could not be written; code ERR_DATA_WRITE, the system's error is the cause. */
export function writeError(file: string, error: unknown): Error {
  if (error instanceof AccelerateError || (error as Error).name === "AbortError") return error as Error;
  const { code, message } = error as NodeJS.ErrnoException;
  const hint = writeAdvice(error);
  return new AccelerateError("ERR_DATA_WRITE", `${file} cannot be written (${code ?? message})`, { cause: error, ...(hint ? { hint } : {}) });
}
