// The secret of a job: made, read from a file, compared without telling by time.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { ControlError, messageOf } from "./errors.js";

const shape = /^[A-Za-z0-9+/=_-]{32,1024}$/;
const hint = "make one with: (umask 077; openssl rand -hex 32 > token)";

/** 256 bits in hexadecimal. */
export const createToken = (): string => randomBytes(32).toString("hex");

/** @throws ControlError ERR_CONTROL_SECURITY */
export function checkToken(token: string, where: string): string {
  if (!shape.test(token))
    throw new ControlError(
      "ERR_CONTROL_SECURITY",
      `${where} holds no token: 32 or more hexadecimal (or base64) characters are needed, ${token.length} are there`,
      { hint },
    );
  return token;
}

/**
 * The token in a file that only its owner can read.
 * @throws ControlError ERR_CONTROL_SECURITY where others can read it, where it is no file, where what it holds is too short.
 */
export async function readTokenFile(path: string): Promise<string> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (cause) {
    throw new ControlError("ERR_CONTROL_SECURITY", `the token file ${path} cannot be read (${messageOf(cause)})`, { cause, hint });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new ControlError("ERR_CONTROL_SECURITY", `the token file ${path} is not a file`, { hint });
    if ((stat.mode & 0o077) !== 0 && process.platform !== "win32") {
      const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
      throw new ControlError("ERR_CONTROL_SECURITY", `the token file ${path} has mode ${mode}: other users can read or change it`, {
        hint: `chmod 600 ${path}`,
      });
    }
    if (stat.size > 4096) throw new ControlError("ERR_CONTROL_SECURITY", `the token file ${path} holds ${stat.size} bytes: that is no token`, { hint });
    return checkToken((await file.readFile("utf8")).trim(), `the token file ${path}`);
  } finally {
    await file.close();
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Whether two secrets are equal, in a time that does not depend on them. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** 127.0.0.0/8, ::1, localhost. */
export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(host);
