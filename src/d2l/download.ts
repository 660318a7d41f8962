// Downloads of the book: fetched once, known by their sha1, unpacked beside themselves.
import { join } from "node:path";
import { stat } from "node:fs/promises";
import { AccelerateError, ArgumentError } from "../errors.js";
import { downloadFile, fileDigest } from "../hub/download.js";
import { DATA_HUB } from "./data-hub.js";
import { extract } from "./extract.js";

export interface DownloadOptions {
  /** Where files are kept; default `../data`, the book's. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
}
export interface ExtractOptions extends DownloadOptions {
  /** The folder within the archive, where it does not carry the file's name. */
  readonly folder?: string;
}

const defaultCache = join("..", "data");
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Fetches a file of DATA_HUB, if it is not there with its sha1 already, and gives its path.
 *
 * @throws ArgumentError ERR_D2L_NAME for a name that DATA_HUB does not have; HubError when it cannot be fetched, or arrives with another sha1
 * @example
 * const file = await download("bert.small"); // ../data/bert.small.torch.zip
 */
export async function download(name: string, options: DownloadOptions = {}): Promise<string> {
  const { cacheDir = defaultCache, signal } = options;
  const known = Object.hasOwn(DATA_HUB, name) ? DATA_HUB[name] : undefined;
  if (!known)
    throw new ArgumentError(`${JSON.stringify(name)} is not in DATA_HUB`, {
      code: "ERR_D2L_NAME",
      hint: `add it, DATA_HUB[${JSON.stringify(name)}] = [url, sha1], or give one of ${Object.keys(DATA_HUB).join(", ")}`,
    });
  const [url, sha1] = known;
  const base = URL.canParse(url) ? decodeURIComponent(new URL(url).pathname.split("/").at(-1)!) : "";
  if (base === "" || base === "." || base === ".." || /[/\\\0]/.test(base))
    throw new ArgumentError(`DATA_HUB[${JSON.stringify(name)}]: ${JSON.stringify(url)} is no address of a file`, { code: "ERR_D2L_NAME" });
  const file = join(cacheDir, base);
  if ((await isThere(file)) && (await fileDigest(file, "sha1")) === sha1.toLowerCase()) return file;
  console.log(`Downloading ${file} from ${url}...`);
  await downloadFile(url, file, { sha1, ...(signal && { signal }) });
  return file;
}

/**
 * `download`, and what is in the archive (zip, tar, tar.gz), unpacked beside it. Gives the folder that carries the archive's name without its extension.
 *
 * @throws AccelerateError ERR_ARCHIVE when the archive is damaged, or holds what would lie outside of the folder
 * @example
 * const dataDir = await downloadExtract("SNLI"); // ../data/snli_1.0
 */
export async function downloadExtract(name: string, options: ExtractOptions = {}): Promise<string> {
  const file = await download(name, options);
  const { cacheDir = defaultCache, folder } = options;
  const bare = await extract(file, cacheDir, options.signal);
  const path = folder === undefined ? bare : join(cacheDir, folder);
  if (await isThere(path)) return path;
  throw new AccelerateError("ERR_ARCHIVE", `${file} holds no folder ${path}`, { hint: "name the folder that it holds: downloadExtract(name, { folder })" });
}

/**
 * Fetches everything in DATA_HUB.
 *
 * @example
 * await downloadAll({ cacheDir: "data" });
 */
export async function downloadAll(options: DownloadOptions = {}): Promise<void> {
  for (const name of Object.keys(DATA_HUB)) await download(name, options);
}
