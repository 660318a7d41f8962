// What a repository of the hub says about its data set: `configs` and `dataset_info` at the head of README.md, as Python's datasets reads them.
import { ArgumentError } from "../../errors.js";
import type { Features } from "../columns/features.js";
import { featuresFromJson, type Json } from "../columns/hf-features.js";

/** One of the data sets that a repository holds. */
export interface HubConfig {
  readonly name: string;
  /** Patterns by split; undefined: the names of the files say. */
  readonly dataFiles: readonly (readonly [split: string, patterns: readonly string[]])[] | undefined;
  readonly dataDir: string | undefined;
  readonly isDefault: boolean;
  /** How its files are to be read: `sep`, `field` and the like. */
  readonly options: Readonly<Record<string, unknown>>;
}
export interface HubCard {
  readonly configs: readonly HubConfig[];
  /** By config; undefined where one has columns of a kind that this library does not have: the files say what they hold. */
  readonly features: ReadonlyMap<string, Features | undefined>;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const SPLIT = /^[\p{L}\p{N}_]+(\.[\p{L}\p{N}_]+)*$/u;

function fault(repo: string, what: string, cause?: unknown): ArgumentError {
  return new ArgumentError(`${repo}: README.md: ${what}`, { code: "ERR_DATASET_CARD", cause, hint: "name the files yourself: loadDataset(id, { dataFiles })" });
}

/** The YAML between the two lines of dashes at a README's begin. */
function yamlOf(readme: string): string | undefined {
  const lines = readme.split(/\r\n|\r|\n/);
  const end = lines.indexOf("---", 1);
  return lines[0] === "---" && end > 0 ? lines.slice(1, end).join("\n") : undefined;
}

const snakeToCamel = (name: string): string =>
  name
    .split("_")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
const listTypes: Readonly<Record<string, string>> = { large_list: "LargeList", sequence: "List", list: "List" };
const others = ["image", "audio", "video", "pdf", "array2d", "array3d", "array4d", "array5d", "translation", "translation_variable_languages"];

/** The short form of features in YAML as the one of dataset_info.json. */
function longForm(yaml: unknown, depth = 64): Json {
  if (depth === 0) throw new TypeError("nested too deep");
  if (Array.isArray(yaml)) {
    return Object.fromEntries(
      yaml.map((field: unknown) => {
        if (!isFields(field) || typeof field.name !== "string") throw new TypeError(`a feature without a name: ${JSON.stringify(field)}`);
        const { name, ...rest } = field;
        return [name, longForm(rest, depth - 1)];
      }),
    );
  }
  if (!isFields(yaml)) throw new TypeError(`a feature is ${JSON.stringify(yaml)}`);
  const [type] = Object.keys(yaml);
  if (type === undefined) return {};
  const value = yaml[type];
  const rest = Object.fromEntries(Object.entries(yaml).filter(([key]) => key !== type)) as Record<string, Json>;
  const list = listTypes[type];
  if (list) {
    const inner = longForm(typeof value === "string" ? { dtype: value } : value, depth - 1);
    // A sequence of several fields is several lists.
    if (type === "sequence" && Array.isArray(value))
      return Object.fromEntries(Object.entries(inner as Record<string, Json>).map(([name, feature]) => [name, { feature, ...rest, _type: list }]));
    return { feature: inner, ...rest, _type: list };
  }
  if (type === "struct") return longForm(value, depth - 1);
  if (type === "dtype")
    return typeof value !== "string"
      ? longForm(value, depth - 1)
      : others.includes(value)
        ? { _type: snakeToCamel(value) }
        : { dtype: value, ...rest, _type: "Value" };
  return { _type: snakeToCamel(type), ...(isFields(value) ? (value as Record<string, Json>) : {}) };
}

/** undefined: a kind of column that we do not have is among them. */
export function knownOnly(read: () => Features): Features | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ArgumentError && error.code === "ERR_FEATURES") return undefined;
    throw error;
  }
}

function dataFilesOf(repo: string, config: string, given: unknown): HubConfig["dataFiles"] {
  const texts = (value: unknown): value is string | string[] =>
    typeof value === "string" || (Array.isArray(value) && value.every((one) => typeof one === "string"));
  if (given === undefined || given === null) return undefined;
  if (texts(given)) return [["train", [given].flat()]];
  const wrong = () => fault(repo, `data_files of the config ${JSON.stringify(config)} are neither a path, a list of paths, nor a list of { split, path }`);
  if (!Array.isArray(given)) throw wrong();
  const splits = given.map((item: unknown) => {
    if (!isFields(item) || !texts(item.path)) throw wrong();
    const split = String(item.split);
    if (!SPLIT.test(split)) throw fault(repo, `a split of the config ${JSON.stringify(config)} is called ${JSON.stringify(split)}`);
    return [split, [item.path].flat()] as const;
  });
  const twice = splits.find(([split], i) => splits.findIndex(([other]) => other === split) < i);
  if (twice) throw fault(repo, `the config ${JSON.stringify(config)} has the split ${twice[0]} twice`);
  return splits;
}

/** @throws ArgumentError ERR_DATASET_CARD when it cannot be read */
export async function readCard(repo: string, readme: string): Promise<HubCard> {
  const text = yamlOf(readme);
  if (text === undefined) return { configs: [], features: new Map() };
  const { parse } = await import("yaml");
  let head: unknown;
  try {
    // Python reads YAML 1.1: yes and no are booleans.
    head = parse(text, { version: "1.1", maxAliasCount: 100, logLevel: "error" });
  } catch (error) {
    throw fault(repo, (error as Error).message, error);
  }
  if (!isFields(head)) return { configs: [], features: new Map() };
  const { configs: given, dataset_info: infos } = head;
  if (given !== undefined && given !== null && !Array.isArray(given)) throw fault(repo, "configs is no list");
  const features = new Map<string, Features | undefined>();
  const read = (config: string, yaml: unknown) => {
    try {
      features.set(
        config,
        knownOnly(() => featuresFromJson(longForm(yaml))),
      );
    } catch (error) {
      throw fault(repo, `features of the config ${JSON.stringify(config)}: ${(error as Error).message}`, error);
    }
  };
  for (const info of [infos ?? []].flat() as unknown[])
    if (isFields(info) && Array.isArray(info.features)) read(String(info.config_name ?? "default"), info.features);
  const configs = ((given ?? []) as unknown[]).map((raw): HubConfig => {
    if (!isFields(raw) || raw.config_name === undefined) throw fault(repo, "a config has no config_name");
    const { config_name, data_files, data_dir, default: isDefault, features: own, version: _version, description: _description, ...options } = raw;
    const name = String(config_name);
    if (Array.isArray(own)) read(name, own);
    return {
      name,
      dataFiles: dataFilesOf(repo, name, data_files),
      dataDir: typeof data_dir === "string" ? data_dir : undefined,
      isDefault: isDefault === true,
      options,
    };
  });
  return { configs, features };
}
