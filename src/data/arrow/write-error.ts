// Files of data that cannot be written: what the system says, and what to do.
import { AccelerateError } from "../../errors.js";

const why: { readonly [code: string]: string } = {
  ENOSPC: "no space is left there, make room or give a place on another disk",
  EDQUOT: "your quota is used up there, make room or give a place on another disk",
  EFBIG: "the file system or the limits of this process take no file of that size",
  EROFS: "the file system is read-only, give another place",
  EACCES: "you may not write there, give another place",
  EPERM: "you may not write there, give another place",
  ENOTDIR: "a part of the path is a file, give another place",
};

/** A file could not be written; code ERR_DATA_WRITE, the system's error is the cause. */
export function writeError(file: string, error: unknown): Error {
  if (error instanceof AccelerateError || (error as Error).name === "AbortError") return error as Error;
  const { code, message } = error as NodeJS.ErrnoException;
  const hint = code === undefined ? undefined : why[code];
  return new AccelerateError("ERR_DATA_WRITE", `${file} cannot be written (${code ?? message})`, { cause: error, ...(hint ? { hint } : {}) });
}
