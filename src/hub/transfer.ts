// Bytes from an address into a file: goes on where an earlier try ended, tries again when the connection is cut, and checks what arrived.
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { cacheFault } from "./cache.js";
import type { Answer, HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { plainUrl } from "./failure.js";
import type { FileProgress } from "./progress.js";
import { pauseAfter } from "./retry.js";

export interface Source {
  /** First tried; a signed address of a storage host may run out. */
  readonly url: string;
  /** Tried afterwards; default url. */
  readonly lasting?: string | undefined;
  readonly authorized?: boolean;
  /** Bytes, when they are known beforehand. */
  readonly size?: number | undefined;
  /** What the content must hash to, in hex. */
  readonly digest?: { readonly algorithm: "sha1" | "sha256"; readonly hex: string } | undefined;
  /** Called so in messages. */
  readonly name: string;
  readonly timeoutMs: number;
}

/** A partial file and what is known of it. */
class Partial {
  readonly #file: FileHandle;
  readonly path: string;
  position: number;
  #hash: Hash | undefined;
  readonly #algorithm: "sha1" | "sha256" | undefined;

  private constructor(file: FileHandle, path: string, position: number, algorithm: "sha1" | "sha256" | undefined) {
    [this.#file, this.path, this.position, this.#algorithm] = [file, path, position, algorithm];
    this.#hash = algorithm && createHash(algorithm);
  }
  /** The hash of what is there is taken at once. */
  static async open(path: string, { digest, size }: Source): Promise<Partial> {
    const file = await open(path, "a+").then(async (made) => {
      await made.close();
      return open(path, "r+");
    });
    try {
      const found = await file.stat();
      // A longer file is no beginning of this one.
      const position = size !== undefined && found.size > size ? 0 : found.size;
      const partial = new Partial(file, path, position, digest?.algorithm);
      if (position !== found.size) await file.truncate(0);
      if (partial.#hash && position > 0)
        for await (const chunk of file.createReadStream({ start: 0, end: position - 1, autoClose: false })) partial.#hash.update(chunk as Buffer);
      return partial;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
  /** Where the bytes lie is given with each: should two processes write the same file, they write the same. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) done += (await this.#file.write(chunk, done, chunk.length - done, this.position + done)).bytesWritten;
    this.position += chunk.length;
    this.#hash?.update(chunk);
  }
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.position = 0;
    this.#hash = this.#algorithm && createHash(this.#algorithm);
  }
  digest(): string | undefined {
    return this.#hash?.copy().digest("hex");
  }
  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The whole length that an answer speaks of. */
function totalOf(answer: Answer): number | undefined {
  const range = /\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1];
  const encoded = !["", "identity"].includes(answer.headers.get("content-encoding") ?? "");
  const text = range ?? (answer.status === 206 || encoded ? undefined : answer.headers.get("content-length"));
  return text && /^\d+$/.test(text) ? Number(text) : undefined;
}

/**
 * Fetches a file whole.
 * @param resume What lies at the path is the beginning of this very content, of an earlier process.
 * @throws HubError ERR_HUB_CONTENT when the content is not what was promised; then nothing is left at the path
 */
export async function transfer(client: HubClient, source: Source, path: string, progress: FileProgress, resume: boolean): Promise<void> {
  if (!resume) await rm(path, { force: true });
  let partial: Partial;
  try {
    partial = await Partial.open(path, source);
  } catch (error) {
    throw cacheFault("write", path, error);
  }
  // What nobody will go on with takes room for nothing.
  let [complete, keep] = [false, resume];
  try {
    const resumed = partial.position > 0;
    const total = await fetchAll(client, source, partial, progress);
    const fault = faultOf(source, partial, total);
    if (fault) {
      keep = false;
      if (!resumed) throw fault;
      // The beginning may have been of something else.
      progress.add(-partial.position);
      await partial.restart();
      const again = faultOf(source, partial, await fetchAll(client, source, partial, progress, true));
      if (again) throw again;
    }
    [complete, keep] = [true, true];
  } catch (error) {
    if (error instanceof HubError && error.code === "ERR_HUB_CONTENT") keep = false;
    throw error;
  } finally {
    progress.end(complete);
    await partial.close();
    if (!keep) await rm(path, { force: true });
  }
}

function faultOf({ name, url, size, digest }: Source, partial: Partial, total: number | undefined): HubError | undefined {
  const wanted = size ?? total;
  const of = `${name} (${plainUrl(url)})`;
  if (wanted !== undefined && partial.position !== wanted)
    return new HubError("ERR_HUB_CONTENT", `${of}: should be of ${wanted} bytes, and is of ${partial.position}`, { hint: "fetch it again" });
  const found = partial.digest();
  if (digest && found !== digest.hex.toLowerCase())
    return new HubError("ERR_HUB_CONTENT", `${of}: its ${digest.algorithm} should be ${digest.hex}, and is ${found}`, {
      hint: "the file was damaged on its way, or is another one now",
    });
  return undefined;
}

/** Until the end, over any number of connections. The whole length, where one was told. */
async function fetchAll(client: HubClient, source: Source, partial: Partial, progress: FileProgress, begun = false): Promise<number | undefined> {
  let total = source.size;
  let told = begun;
  const tell = () => {
    if (!told) progress.begin(partial.position, total);
    told = true;
  };
  for (let [retry, first] = [1, true]; ; first = false) {
    const from = partial.position;
    if (total !== undefined && from === total) {
      tell();
      return total;
    }
    try {
      const answer = await ask(client, source, partial, first);
      total ??= totalOf(answer);
      const promised = totalOf(answer);
      if (promised !== undefined && promised !== total) {
        await answer.close();
        throw new HubError("ERR_HUB_CONTENT", `${source.name} (${plainUrl(answer.url)}): should be of ${total} bytes, and the server has ${promised}`, {
          hint: "fetch it again",
        });
      }
      tell();
      if (answer.status !== 206 && from > 0) {
        // The server gives the whole only.
        progress.add(-partial.position);
        await partial.restart();
      }
      for await (const chunk of answer.bytes()) {
        if (total !== undefined && partial.position + chunk.length > total)
          throw new HubError("ERR_HUB_CONTENT", `${source.name} (${plainUrl(answer.url)}): more comes than the ${total} bytes that were promised`);
        await write(partial, chunk);
        progress.add(chunk.length);
      }
      if (total === undefined || partial.position === total) return total;
      throw new HubError("ERR_HUB_CONNECTION", `${plainUrl(answer.url)}: the connection ended after ${partial.position} of ${total} bytes`);
    } catch (error) {
      if (partial.position > from) retry = 1;
      // A signed address that has run out; the lasting one gives a new one.
      const expired = first && source.lasting !== undefined && error instanceof HubError && [400, 401, 403, 404, 410].includes(error.status ?? 0);
      if (expired) continue;
      await pauseAfter(client, error, retry);
      retry++;
    }
  }
}

async function write(partial: Partial, chunk: Uint8Array): Promise<void> {
  try {
    await partial.write(chunk);
  } catch (error) {
    throw cacheFault("write", partial.path, error);
  }
}

/** What comes from where the file ends. */
async function ask(client: HubClient, source: Source, partial: Partial, first: boolean): Promise<Answer> {
  const url = first ? source.url : (source.lasting ?? source.url);
  const request = { timeoutMs: source.timeoutMs, authorized: source.authorized === true };
  if (partial.position === 0) return client.request(url, request);
  try {
    const answer = await client.request(url, { ...request, headers: { range: `bytes=${partial.position}-` } });
    const start = /^bytes (\d+)-/.exec(answer.headers.get("content-range") ?? "")?.[1];
    if (answer.status !== 206 || Number(start) === partial.position) return answer;
    await answer.close();
  } catch (error) {
    if (!(error instanceof HubError) || error.status !== 416) throw error;
  }
  // The server cannot go on from there.
  await partial.restart();
  return client.request(url, request);
}
