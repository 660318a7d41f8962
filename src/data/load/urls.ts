// Data files by their addresses: fetched once into the cache of data sets.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { hubSettings } from "../../config.js";

export const isUrl = (text: string): boolean => /^https?:\/\//.test(text);

/**
 * The file of an address, in <cache>/downloads under a name made of the address: one that is there is not fetched again.
 * @throws HubError ERR_HUB_CONNECTION, ERR_HUB_HTTP, ERR_HUB_CACHE
 */
export async function urlFile(
  url: string,
  options: { readonly cacheDir?: string | undefined; readonly downloadMode?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const name = basename(new URL(url).pathname);
  const folder = join(options.cacheDir ?? hubSettings().datasetsCache, "downloads", createHash("sha256").update(url).digest("hex"));
  // The extension says what a file is.
  const path = join(folder, name || "data");
  if (existsSync(path) && options.downloadMode !== "force_redownload") return path;
  const { downloadFile } = await import("../../hub/download.js");
  await downloadFile(url, path, { signal: options.signal });
  return path;
}
