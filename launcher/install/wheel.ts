// The pip wheel of onnxruntime-gpu (a zip; https://packaging.python.org/en/latest/specifications/binary-distribution-format/): checked, and single files taken out of it.
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Entry, ZipFile } from "yauzl";
import { AccelerateError } from "../../src/errors.js";
import { reasonOf } from "./reason.js";

export const wheelProject = "onnxruntime-gpu";

/** Of a text file in a wheel. */
const MAX_TEXT = 16 * 2 ** 20;
const machines: { readonly [arch in NodeJS.Architecture]?: string } = { x64: "x86_64", arm64: "aarch64" };

export interface Member {
  /** Without folders. */
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const fault = (file: string, message: string, hint: string, cause?: unknown) =>
  new AccelerateError("ERR_WHEEL", `${basename(file)}: ${message}`, { hint, ...(cause !== undefined && { cause }) });
const again = "the file is damaged or cut off; download it again";

/** "Name: onnxruntime-gpu" of METADATA or WHEEL; several lines may have one name. */
const headers = (text: string, name: string): string[] =>
  text
    .split(/\r?\n\r?\n/, 1)[0]!
    .split(/\r?\n/)
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`))
    .map((line) => line.slice(name.length + 1).trim());

/** What RECORD says of a file: "path,sha256=<base64url without padding>,bytes". */
function recorded(record: string, path: string): Omit<Member, "name"> | undefined {
  for (const line of record.split(/\r?\n/)) {
    const [, hash, bytes] = line.startsWith(`${path},`) ? (line.slice(path.length).match(/^,sha256=([\w-]{43}),(\d+)$/) ?? []) : [];
    if (hash !== undefined) return { sha256: Buffer.from(hash, "base64url").toString("hex"), bytes: Number(bytes) };
  }
  return undefined;
}

export class Wheel implements AsyncDisposable {
  readonly version: string;
  readonly #file: string;
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #record: string;

  private constructor(file: string, zip: ZipFile, entries: ReadonlyMap<string, Entry>, version: string, record: string) {
    this.#file = file;
    this.#zip = zip;
    this.#entries = entries;
    this.version = version;
    this.#record = record;
  }

  /**
   * Opens a wheel that fits: right project, version, platform.
   * @throws AccelerateError ERR_WHEEL
   */
  static async open(file: string, version: string, arch: NodeJS.Architecture = process.arch): Promise<Wheel> {
    const yauzl = await import("yauzl");
    let zip: ZipFile;
    try {
      zip = await yauzl.openPromise(file, { autoClose: false });
    } catch (cause) {
      throw fault(file, `cannot be read (${reasonOf(cause)})`, "give the .whl file that pip download has written", cause);
    }
    try {
      const entries = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
      const info = [...entries.keys()].find((name) => /^[^/]+\.dist-info\/METADATA$/.test(name))?.replace(/METADATA$/, "");
      const text = async (name: string): Promise<string> => {
        const entry = info === undefined ? undefined : entries.get(info + name);
        if (!entry || entry.uncompressedSize > MAX_TEXT) throw fault(file, `no wheel: it has no ${name}`, "give the .whl file that pip download has written");
        const parts: Buffer[] = [];
        for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
        return Buffer.concat(parts).toString("utf8");
      };
      const [metadata, wheel, record] = [await text("METADATA"), await text("WHEEL"), await text("RECORD")];
      const project = headers(metadata, "Name")[0]
        ?.toLowerCase()
        .replace(/[-_.]+/g, "-");
      const found = headers(metadata, "Version")[0];
      const command = `python3 -m pip download --no-deps ${wheelProject}==${version}`;
      if (project !== wheelProject) throw fault(file, `it is ${project ?? "of no name"}, not ${wheelProject}`, command);
      if (found !== version)
        throw fault(file, `it is version ${found}, and the package onnxruntime-node is ${version}: provider and library must be of one version`, command);
      const platforms = headers(wheel, "Tag").map((tag) => tag.split("-").slice(2).join("-"));
      const machine = machines[arch] ?? arch;
      if (!platforms.some((platform) => platform.includes("linux") && platform.endsWith(`_${machine}`)))
        throw fault(file, `it is for ${platforms.join(", ") || "no platform"}, this is Linux on ${machine}`, `${command} on a machine of this kind`);
      return new Wheel(file, zip, entries, version, record);
    } catch (error) {
      zip.close();
      throw error instanceof AccelerateError ? error : fault(file, reasonOf(error), again, error);
    }
  }

  #entry(name: string): Entry | undefined {
    return this.#entries.get(`onnxruntime/capi/${name}`);
  }

  /** @throws AccelerateError ERR_WHEEL when the wheel has no such library, or does not say what is in it. */
  member(name: string): Member {
    const entry = this.#entry(name);
    if (!entry) throw fault(this.#file, `it has no ${name}`, "give the wheel of onnxruntime-gpu for Linux");
    const known = recorded(this.#record, entry.fileName);
    if (!known) throw fault(this.#file, `its RECORD says nothing of ${name}, so that it cannot be checked`, again);
    if (known.bytes !== entry.uncompressedSize) throw fault(this.#file, `${name} has ${entry.uncompressedSize} bytes, RECORD says ${known.bytes}`, again);
    return { name, ...known };
  }

  /**
   * Writes a library into a folder; what is there then is on the disk and has the hash of RECORD.
   * @throws AccelerateError ERR_WHEEL, errors of the file system, the signal's reason
   */
  async extract(member: Member, folder: string, signal: AbortSignal, onBytes: (bytes: number) => void): Promise<void> {
    const path = join(folder, member.name);
    const hash = createHash("sha256");
    let bytes = 0;
    const watch = new Transform({
      transform: (chunk: Buffer, _, done) => {
        hash.update(chunk);
        bytes += chunk.length;
        onBytes(chunk.length);
        done(null, chunk);
      },
    });
    let fromZip = true;
    const target = createWriteStream(path, { flags: "wx", mode: 0o755 }).on("error", () => {
      fromZip = false;
    });
    try {
      await pipeline(await this.#zip.openReadStreamPromise(this.#entry(member.name)!), watch, target, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw fromZip ? fault(this.#file, `${member.name}: ${reasonOf(error)}`, again, error) : error;
    }
    if (bytes !== member.bytes || hash.digest("hex") !== member.sha256) throw fault(this.#file, `${member.name} is not what RECORD says (sha256)`, again);
    const written = await open(path, "r");
    try {
      await written.sync();
    } finally {
      await written.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#zip.close();
  }
}
