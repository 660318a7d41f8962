// What to do where the system does not let a file be written.

const advice: { readonly [code: string]: string } = {
  ENOSPC: "no space is left there, make room or give a place on another disk",
  EDQUOT: "your quota is used up there, make room or give a place on another disk",
  EFBIG: "the file system or the limits of this process take no file of that size",
  EROFS: "the file system is read-only, give another place",
  EACCES: "you may not write there, give another place",
  EPERM: "you may not write there, give another place",
  ENOTDIR: "a part of the path is a file, give another place",
};

/** undefined: the system's error says it all. */
export function writeAdvice(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && Object.hasOwn(advice, code) ? advice[code] : undefined;
}
