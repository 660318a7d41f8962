// A data set by its id on the hub: which of its files are which split, and fetching them.
import { readFile, stat } from "node:fs/promises";
import { ArgumentError } from "../../errors.js";
import { globPath, HubError, type HubOptions, Repository } from "../../hub/index.js";
import type { Features } from "../columns/features.js";
import { featuresFromJson } from "../columns/hf-features.js";
import { type Builder, formatOf, isOfFormat } from "./formats.js";
import { type HubConfig, knownOnly, readCard } from "./hub-card.js";
import { idsOf } from "./hub-names.js";
import { isAskedFor, isIgnored, type SplitFiles, splitsOfPaths } from "./patterns.js";

export interface HubDataset {
  readonly builder: Builder;
  /** "owner/name" on the hub. */
  readonly repo: string;
  readonly commit: string;
  readonly config: string;
  /** Paths in the hub's cache; the files are there once `fetch` has brought them. */
  readonly splits: SplitFiles;
  /** What the repository declares; undefined: the files say. */
  readonly features: Features | undefined;
  /** How it says its files are to be read, with Python's names. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Brings the files of splits into the hub's cache. */
  fetch(splits: readonly string[]): Promise<void>;
  /** Brings one of the files of `splits`. */
  fetchFile(path: string): Promise<void>;
}
export interface HubDatasetOptions extends HubOptions {
  /** Patterns of files of the repository, instead of those that it names itself. */
  readonly dataFiles?: string | readonly string[] | Readonly<Record<string, string | readonly string[]>> | undefined;
  /** A folder of the repository. */
  readonly dataDir?: string | undefined;
}

/** The branch where the hub keeps its own conversion of data sets that a script makes. */
const CONVERTED = "refs/convert/parquet";
const MAX_TEXT = 32 << 20;

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A path within the repository: no dots, no slash at its end. */
const tidy = (path: string): string =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");

/** Data files of a repository that a pattern means, sorted. @throws ArgumentError ERR_FILE_NOT_FOUND that says what it holds */
export function filesMatching({ repo, names }: Repository, given: string): string[] {
  const pattern = tidy(given);
  const takes = globPath(pattern);
  const file = pattern.slice(pattern.lastIndexOf("/") + 1);
  const isNamed = (name: string) => name === file || name.endsWith(`/${file}`);
  const sorted = [...names].sort(inOrder);
  const found = sorted.filter((name) => takes(name) && isAskedFor(name, pattern) && (!isIgnored(name) || isNamed(name)) && formatOf([name]) !== undefined);
  if (found.length > 0) return found;
  throw new ArgumentError(`${repo}: ${given}: no data file has such a name`, {
    code: "ERR_FILE_NOT_FOUND",
    hint: `it holds ${sorted.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`,
  });
}

function splitsOf(repository: Repository, config: Pick<HubConfig, "dataFiles" | "dataDir" | "name">): SplitFiles {
  const base = tidy(config.dataDir ?? "");
  const prefix = base === "" ? "" : `${base}/`;
  const names = [...repository.names].sort(inOrder);
  if (config.dataFiles === undefined) {
    const within = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
    const data = within.filter((name) => isAskedFor(name, "**") && !isIgnored(name));
    const format = formatOf(data);
    return format === undefined
      ? []
      : splitsOfPaths(data.filter((name) => isOfFormat(name, format))).map(([split, files]) => [split, files.map((name) => prefix + name)]);
  }
  return config.dataFiles.map(([split, patterns]) => {
    const files = patterns.flatMap((pattern) => {
      if (/^[a-z]+:\/\//.test(pattern) || pattern.startsWith("/"))
        throw new ArgumentError(`${repository.repo}: ${pattern}: files outside the repository are not fetched`, {
          code: "ERR_FILE_NOT_FOUND",
          hint: "name files of the repository",
        });
      return filesMatching(repository, prefix + pattern);
    });
    return [split, files] as const;
  });
}

/** The config that is meant. @throws ArgumentError ERR_DATASET_CONFIG that lists them */
function pick<C extends { readonly name: string; readonly isDefault: boolean }>(
  call: string,
  path: string,
  configs: readonly C[],
  wanted: string | undefined,
): C {
  const names = configs.map(({ name }) => name);
  const list = names.join(", ");
  if (wanted !== undefined) {
    const found = configs.find(({ name }) => name === wanted);
    if (found) return found;
    throw new ArgumentError(`${call}: there is no config ${JSON.stringify(wanted)}`, { code: "ERR_DATASET_CONFIG", hint: `configs are ${list}` });
  }
  const defaults = configs.filter(({ name, isDefault }) => configs.length === 1 || name === "default" || isDefault);
  if (defaults.length > 1)
    throw new ArgumentError(`${call}: it has several default configs: ${defaults.map(({ name }) => name).join(", ")}`, {
      code: "ERR_DATASET_CONFIG",
      hint: "name one",
    });
  if (defaults[0]) return defaults[0];
  throw new ArgumentError(`${call}: the config is missing`, {
    code: "ERR_DATASET_CONFIG",
    hint: `name one: loadDataset(${JSON.stringify(path)}, ${JSON.stringify(names[0])}); configs are ${list}`,
  });
}

/** The text of a small file; undefined: the repository has none. */
async function textOf(repository: Repository, name: string): Promise<string | undefined> {
  if (!repository.has(name)) {
    await repository.noteAbsent(name);
    return undefined;
  }
  await repository.fetch([name]);
  const file = repository.path(name);
  const { size } = await stat(file);
  if (size > MAX_TEXT)
    throw new ArgumentError(`${repository.repo}: ${name} has ${size} bytes`, {
      code: "ERR_DATASET_CARD",
      hint: "name the files yourself: loadDataset(id, { dataFiles })",
    });
  return readFile(file, "utf8");
}

/** Features of dataset_infos.json, which older repositories have. */
async function olderInfos(repository: Repository): Promise<Map<string, Features | undefined>> {
  const out = new Map<string, Features | undefined>();
  const text = repository.has("dataset_infos.json") ? await textOf(repository, "dataset_infos.json") : undefined;
  if (text === undefined) return out;
  try {
    const infos = Object.entries(JSON.parse(text) as Record<string, { features?: unknown }>);
    for (const [name, info] of infos)
      if (info?.features)
        out.set(
          infos.length === 1 ? "default" : name,
          knownOnly(() => featuresFromJson(info.features)),
        );
  } catch {
    // The files say what they hold.
    return new Map();
  }
  return out;
}

/** The hub's own conversion: `<config>/<split>/<number>.parquet`. */
async function converted(call: string, path: string, repo: string, config: string | undefined, script: string, options: HubOptions): Promise<HubDataset> {
  const repository = await Repository.open({ repo, type: "dataset" }, { ...options, revision: CONVERTED }).catch((error: unknown) => {
    throw new ArgumentError(`${call}: a script makes this data set (${script}), and scripts are not run`, {
      code: "ERR_DATASET_SCRIPT",
      hint: `the hub's conversion of it (branch ${CONVERTED}) cannot be had: ${(error as Error).message}`,
      cause: error,
    });
  });
  const byConfig = new Map<string, Map<string, string[]>>();
  for (const name of [...repository.names].sort()) {
    const parts = /^([^/]+)\/(?:partial-)?([^/]+)\/[^/]+\.parquet$/.exec(name);
    if (!parts) continue;
    const splits = byConfig.get(parts[1]!) ?? new Map<string, string[]>();
    splits.set(parts[2]!, [...(splits.get(parts[2]!) ?? []), name]);
    byConfig.set(parts[1]!, splits);
  }
  if (byConfig.size === 0) throw new ArgumentError(`${call}: the hub's conversion (branch ${CONVERTED}) holds no files`, { code: "ERR_DATASET_NOT_FOUND" });
  const chosen = pick(
    call,
    path,
    [...byConfig.keys()].map((name) => ({ name, isDefault: false })),
    config,
  );
  // In the order that data sets show: train, validation, test.
  const order = ["train", "validation", "test"];
  const place = (split: string) => (order.includes(split) ? order.indexOf(split) : order.length);
  const splits = [...byConfig.get(chosen.name)!].sort(([a], [b]) => place(a) - place(b));
  return hubDataset(repository, "parquet", chosen.name, splits, undefined, {});
}

function hubDataset(
  repository: Repository,
  builder: Builder,
  config: string,
  splits: SplitFiles,
  features: Features | undefined,
  options: Readonly<Record<string, unknown>>,
): HubDataset {
  const byPath = new Map(splits.flatMap(([, names]) => names.map((name) => [repository.path(name), name] as const)));
  return {
    builder,
    repo: repository.repo,
    commit: repository.commit,
    config,
    splits: splits.map(([split, names]) => [split, names.map((name) => repository.path(name))]),
    features,
    options,
    fetch: (wanted) => repository.fetch(splits.filter(([split]) => wanted.includes(split)).flatMap(([, names]) => names)),
    fetchFile: (path) => repository.fetch([byPath.get(path)].filter((name) => name !== undefined)),
  };
}

/** Opens the repository under its present id, else under the one that was written. */
async function openAny(call: string, path: string, options: HubOptions): Promise<Repository> {
  const [first, ...others] = idsOf(path);
  const unfound = ["ERR_HUB_REPOSITORY_NOT_FOUND", "ERR_HUB_LOCAL_ENTRY_NOT_FOUND", "ERR_HUB_CONNECTION"];
  const open = (repo: string, more: HubOptions = {}) => Repository.open({ repo, type: "dataset" }, { ...options, ...more });
  try {
    return await open(first!);
  } catch (error) {
    if (!(error instanceof HubError) || !unfound.includes(error.code)) throw error;
    for (const other of others) {
      const found = await open(other, error.code === "ERR_HUB_CONNECTION" ? { localFilesOnly: true } : {}).catch((again: unknown) => {
        if (!(again instanceof HubError) || !unfound.includes(again.code)) throw again;
      });
      if (found) return found;
    }
    throw new ArgumentError(`${call}: there is no folder ${path} in ${process.cwd()}, and on the hub: ${error.message}`, {
      code: "ERR_DATASET_NOT_FOUND",
      cause: error,
    });
  }
}

/**
 * Finds out what a data set of the hub consists of: from `configs` of its README.md, else from the names of its files; what a script makes is taken from the hub's conversion to Parquet.
 *
 * @param call Names the call in messages.
 * @throws ArgumentError ERR_DATASET_NOT_FOUND, ERR_DATASET_CONFIG (which lists the configs), ERR_DATASET_CARD, ERR_DATASET_SCRIPT, ERR_FILE_NOT_FOUND; HubError for the rest
 */
export async function resolveHubDataset(call: string, path: string, config: string | undefined, options: HubDatasetOptions = {}): Promise<HubDataset> {
  const { dataFiles, dataDir, ...hub } = options;
  const repository = await openAny(call, path, hub);
  const { repo } = repository;
  const script = `${repo.slice(repo.indexOf("/") + 1)}.py`;
  const card = await readCard(repo, (await textOf(repository, "README.md")) ?? "");
  if (repository.has(script) && card.configs.length === 0 && dataFiles === undefined && options.revision === undefined)
    return converted(call, path, repo, config, script, hub);
  const features = new Map([...(await olderInfos(repository)), ...card.features]);
  const named = dataFiles !== undefined || dataDir !== undefined;
  const given =
    dataFiles === undefined
      ? undefined
      : typeof dataFiles === "string" || Array.isArray(dataFiles)
        ? [["train", [dataFiles as string].flat()] as const]
        : Object.entries(dataFiles).map(([split, patterns]) => [split, [patterns as string].flat()] as const);
  const whole: HubConfig = { name: config ?? "default", dataFiles: given, dataDir, isDefault: true, options: {} };
  const plain = named || card.configs.length === 0;
  // The only one that dataset_info speaks of has no other name.
  const [only] = features.size === 1 ? features.keys() : [];
  const chosen = plain ? (named ? whole : pick(call, path, [{ ...whole, name: only ?? "default" }], config)) : pick(call, path, card.configs, config);
  const found = splitsOf(repository, chosen);
  const builder = formatOf(found.flatMap(([, names]) => names));
  if (builder === undefined) {
    throw new ArgumentError(`${call}: ${repo} holds no data files that can be read`, {
      code: "ERR_DATASET_NOT_FOUND",
      hint: `it holds ${repository.names.slice(0, 8).join(", ") || "nothing"}`,
    });
  }
  const splits = found.map(([split, names]) => [split, names.filter((name) => isOfFormat(name, builder))] as const).filter(([, names]) => names.length > 0);
  return hubDataset(repository, builder, chosen.name, splits, named ? undefined : features.get(chosen.name), chosen.options);
}
