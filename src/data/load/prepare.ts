// A split as a data set: from the cache, or made from its files and written there.
import { mkdir } from "node:fs/promises";
import { AccelerateError } from "../../errors.js";
import { locked } from "../../hub/lock.js";
import { speaks } from "../../progress/speaks.js";
import { ArrowWriter, openArrow } from "../arrow/index.js";
import type { Table } from "../columns/table.js";
import { Dataset } from "../dataset/dataset.js";
import { fingerprintOf } from "../dataset/fingerprint.js";
import type { Origin } from "../dataset/origin.js";
import { SplitCache } from "./cache.js";
import { concatTables, splitTables } from "./generate.js";
import { Generating } from "./generating.js";
import type { AnyOptions, DataPlan } from "./plan.js";

const unwritable = new Set(["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EEXIST", "ENAMETOOLONG", "ELOOP", "EFBIG"]);
function cannotWrite(error: unknown): boolean {
  if (error instanceof AccelerateError) return error.code === "ERR_DATA_WRITE" || error.code === "ERR_HUB_CACHE";
  return error instanceof Error && unwritable.has((error as NodeJS.ErrnoException).code ?? "");
}

/** The splits of one call. */
export class Preparing {
  readonly #plan: DataPlan;
  readonly #options: AnyOptions;
  /** Undefined: the rows stay in memory. */
  #cache: SplitCache | undefined;

  constructor(plan: DataPlan, options: AnyOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#cache = options.keepInMemory ? undefined : new SplitCache(plan, options);
  }

  /** @throws DataFileError ERR_DATA_FILE */
  async open(split: string, files: readonly string[]): Promise<Dataset<never>> {
    const { format, name, config, features, options } = this.#plan;
    const cache = this.#cache;
    const origin: Origin = {
      fingerprint: cache?.fingerprint(split) ?? fingerprintOf("memory", new SplitCache(this.#plan, this.#options).fingerprint(split)),
      ...(cache ? { cacheDirectory: cache.folder } : {}),
      split,
      info: { builderName: format.name, datasetName: name, configName: config, version: "0.0.0" },
    };
    // Arrow files are mapped where they lie.
    if (format.name === "arrow" && cache && !features && !options.columns) return Dataset.ofTable(await openArrow(files), origin);
    const table = cache ? await this.#cached(cache, split, files) : await this.#held(split, files);
    if (this.#cache) return Dataset.ofTable(table, origin);
    const { cacheDirectory: _, ...rest } = origin;
    return Dataset.ofTable(table, rest);
  }

  async #cached(cache: SplitCache, split: string, files: readonly string[]): Promise<Table> {
    const { downloadMode, signal } = this.#options;
    const again = downloadMode === "force_redownload" || downloadMode === "reuse_cache_if_exists";
    const found = again ? undefined : await cache.open(split, warn);
    if (found) return found;
    try {
      await mkdir(cache.folder, { recursive: true });
      // Of several processes one makes the file, the others wait for it.
      return await locked(
        `${cache.file(split)}.lock`,
        signal,
        async () => (again ? undefined : await cache.open(split, warn)) ?? (await this.#written(cache, split, files)),
      );
    } catch (error) {
      if (!cannotWrite(error)) throw error;
      // For the splits to come, too: told once.
      this.#cache = undefined;
      warn(`the cache of data sets cannot be written, the rows stay in memory (${(error as Error).message})`);
      return this.#held(split, files);
    }
  }

  async #written(cache: SplitCache, split: string, files: readonly string[]): Promise<Table> {
    const { signal } = this.#options;
    using line = new Generating(split);
    const { features, tables } = await splitTables(this.#plan, files, this.#options);
    await using writer = await ArrowWriter.create(cache.file(split), features, { fingerprint: cache.fingerprint(split), ...(signal ? { signal } : {}) });
    for await (const table of tables()) {
      await writer.write(table);
      line.add(table.length);
    }
    const rows = await writer.close();
    await cache.describe(split, rows, features);
    line.finish();
    return openArrow([cache.file(split)]);
  }

  async #held(split: string, files: readonly string[]): Promise<Table> {
    using line = new Generating(split);
    const { features, tables } = await splitTables(this.#plan, files, this.#options);
    const held: Table[] = [];
    for await (const table of tables()) {
      held.push(table);
      line.add(table.length);
    }
    line.finish();
    return concatTables(held, features);
  }
}

function warn(text: string): void {
  if (speaks()) console.warn(`loadDataset: ${text}`);
}
