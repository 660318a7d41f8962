// Where the Arrow files of a data set lie: Python's folders, under a name made of the files, their sizes and times, and the options.
import { statSync } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hubSettings } from "../../config.js";
import { writeWhole } from "../../unfinished.js";
import { openArrow } from "../arrow/index.js";
import type { Features } from "../columns/features.js";
import { featuresToJson } from "../columns/hf-features.js";
import type { Table } from "../columns/table.js";
import { fingerprintOf } from "../dataset/fingerprint.js";
import { DataFileError } from "./files.js";
import type { AnyOptions, DataPlan } from "./plan.js";

/** Counts up when the same files would be read as other rows. */
const READER = 1;

interface SplitInfo {
  readonly name: string;
  readonly num_bytes: number;
  readonly num_examples: number;
  readonly dataset_name: string;
}

export class SplitCache {
  readonly folder: string;
  readonly key: string;
  readonly #plan: DataPlan;

  constructor(plan: DataPlan, { cacheDir }: AnyOptions) {
    const files = plan.identity ?? plan.splits.map(([split, paths]) => [split, paths.map((path) => [path, statSync(path).size, statSync(path).mtimeMs])]);
    this.key = fingerprintOf("loadDataset", READER, plan.format.name, plan.options, plan.features, files);
    this.folder = join(cacheDir ?? hubSettings().datasetsCache, plan.name, `${plan.config}-${this.key}`, "0.0.0", fingerprintOf("reader", READER));
    this.#plan = plan;
  }
  file(split: string): string {
    return join(this.folder, `${this.#plan.name}-${split}.arrow`);
  }
  fingerprint(split: string): string {
    return fingerprintOf(this.key, split);
  }
  get #infoFile(): string {
    return join(this.folder, "dataset_info.json");
  }
  async #splits(): Promise<Readonly<Record<string, SplitInfo>>> {
    try {
      const { splits } = JSON.parse(await readFile(this.#infoFile, "utf8")) as { splits?: Record<string, SplitInfo> };
      return typeof splits === "object" && splits !== null ? splits : {};
    } catch {
      return {}; // it says nothing that the Arrow files do not say, too
    }
  }

  /** The split, when its file is there and whole; a damaged file is told of and taken away. */
  async open(split: string, warn: (text: string) => void): Promise<Table | undefined> {
    const file = this.file(split);
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined) return undefined;
    try {
      const said = (await this.#splits())[split];
      if (said && said.num_bytes !== size) throw new DataFileError(file, `has ${size} bytes of ${said.num_bytes}`);
      return await openArrow([file]);
    } catch (error) {
      if (!(error instanceof DataFileError)) throw error;
      warn(`the cached file is damaged and made anew: ${error.message}`);
      await rm(file, { force: true });
      return undefined;
    }
  }

  /** What Python's datasets keeps beside the files; a process that does the same at the same time may win. */
  async describe(split: string, rows: number, features: Features): Promise<void> {
    const { name, config, format } = this.#plan;
    const { size } = await stat(this.file(split));
    const splits = { ...(await this.#splits()), [split]: { name: split, num_bytes: size, num_examples: rows, dataset_name: name } };
    const info = {
      builder_name: format.name,
      config_name: `${config}-${this.key}`,
      dataset_name: name,
      dataset_size: Object.values(splits).reduce((sum, { num_bytes }) => sum + num_bytes, 0),
      features: featuresToJson(features),
      splits,
      version: { version_str: "0.0.0", major: 0, minor: 0, patch: 0 },
    };
    await writeWhole(this.#infoFile, JSON.stringify(info));
  }
}
