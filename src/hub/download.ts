// A file of any web address: fetched once, resumed, checked; what the kit of d2l.ai downloads its data with.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { cacheFault, isFile } from "./cache.js";
import { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { locked } from "./lock.js";
import { Downloads } from "./progress.js";
import { transfer } from "./transfer.js";

export interface DownloadOptions {
  /** In hex. A file that has it is not fetched; one that arrives without it is an error. */
  readonly sha1?: string | undefined;
  readonly sha256?: string | undefined;
  /** Go on with what an earlier process left at `<path>.incomplete`; default: where a digest tells whether it fits. */
  readonly resume?: boolean | undefined;
  /** false draws none. */
  readonly progress?: boolean | undefined;
  /** Before the bar; default the file's name. */
  readonly description?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ends a connection over which nothing comes; default HF_HUB_DOWNLOAD_TIMEOUT, else 10 s. It is tried again five times. */
  readonly timeoutMs?: number | undefined;
}

/** The hash of a file, in hex. */
export async function fileDigest(path: string, algorithm: "sha1" | "sha256"): Promise<string> {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * Fetches a file to a path, whose folder is made. Of several processes one fetches and the others wait for it.
 *
 * @returns Whether anything was fetched: false when the file was there with the wanted digest.
 * @throws HubError ERR_HUB_CONNECTION, ERR_HUB_HTTP, ERR_HUB_CONTENT when the digest is another, ERR_HUB_CACHE when the file cannot be written
 * @example
 * await downloadFile("http://d2l-data.s3-accelerate.amazonaws.com/time_machine.txt", "data/time_machine.txt", { sha1: "090b5e7e70c295757f55df93cb0a180b9691891a" });
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions = {}): Promise<boolean> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new HubError("ERR_HUB_NAME", `${JSON.stringify(url)} is no web address`);
  const digest = options.sha256
    ? ({ algorithm: "sha256", hex: options.sha256 } as const)
    : options.sha1
      ? ({ algorithm: "sha1", hex: options.sha1 } as const)
      : undefined;
  const isThere = async () => digest !== undefined && (await isFile(path)) && (await fileDigest(path, digest.algorithm)) === digest.hex.toLowerCase();
  if (await isThere()) return false;
  const client = new HubClient({ token: false, signal: options.signal, progress: options.progress });
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw cacheFault("write", dirname(path), error);
  }
  return locked(`${path}.lock`, options.signal, async () => {
    if (await isThere()) return false;
    const source = { url, name: basename(path), digest, timeoutMs: options.timeoutMs ?? client.settings.downloadTimeoutMs };
    const partial = `${path}.incomplete`;
    await transfer(
      client,
      source,
      partial,
      new Downloads(client.showsProgress).file(options.description ?? basename(path)),
      options.resume ?? digest !== undefined,
    );
    try {
      await rename(partial, path);
    } catch (error) {
      throw cacheFault("write", path, error);
    }
    return true;
  });
}
