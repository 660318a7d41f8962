// What the system says of a file that it does not take, as an error that tells what to do.
import { AccelerateError } from "../../errors.js";

const noRights = "give a place that this user may write to";
const hints: Readonly<Record<string, string>> = {
  EACCES: noRights,
  EPERM: noRights,
  EROFS: "its file system is read-only, give a place on another one",
  EISDIR: "it is a directory, give the name of a file",
  ENOTDIR: "a part of the path is a file, give a path through directories",
  EEXIST: "a part of the path is a file, give a path through directories",
  ENOSPC: "no space is left there, make room or give a place on another disk",
  EDQUOT: "the quota there is used up, make room or give another place",
  ENAMETOOLONG: "give a shorter name",
};

/** Writes to the path. @throws AccelerateError ERR_SAVE where the system refuses. */
export async function writing<V>(path: string, work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (cause instanceof AccelerateError || code === undefined || syscall === undefined) throw cause;
    throw new AccelerateError("ERR_SAVE", `${path} cannot be written (${(cause as Error).message})`, { cause, hint: hints[code] ?? "give another place" });
  }
}
