// The plan of a data set of the hub.
import type { FormatOptions } from "./formats.js";
import { type Format, formats } from "./formats.js";
import { resolveHubDataset } from "./hub-dataset.js";
import { knownFeatures } from "./known.js";
import { type AnyOptions, callText, checkOptions, type DataPlan, formatOptions, snakeCase } from "./plan.js";

/** Options as a README names them (sep, skiprows, column_names), by our names; what we do not have is told. */
function optionsOf(repo: string, given: Readonly<Record<string, unknown>>, format: Format): FormatOptions {
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  const known = new Map(Object.keys(format.options).map((name) => [plain(name), name]));
  const entries = Object.entries(given).map(([name, value]) => [known.get(plain(name)), value, name] as const);
  const unknown = entries.filter(([name]) => name === undefined).map(([, , name]) => name);
  if (unknown.length > 0)
    console.warn(`${repo}: its README asks for options that ${format.name} files do not have here, and they are left out: ${unknown.join(", ")}`);
  return Object.fromEntries(entries.filter(([name]) => name !== undefined).map(([name, value]) => [name, value]));
}

/** @throws ArgumentError as resolveHubDataset, and ERR_OPTIONS */
export async function hubPlan(path: string, config: string | undefined, options: AnyOptions): Promise<DataPlan> {
  const call = callText(path, config);
  const { dataFiles, dataDir, revision, token, signal } = options;
  const force = options.downloadMode === "force_redownload";
  const found = await resolveHubDataset(call, path, config, { dataFiles, dataDir, revision, token, signal, forceDownload: force });
  const format = formats[found.builder];
  checkOptions(call, options, format);
  // Files that say themselves what they hold need no help.
  const known = found.builder === "parquet" || found.builder === "arrow" ? undefined : knownFeatures[config === undefined ? path : `${path}/${config}`];
  return {
    format,
    name: snakeCase(found.repo.slice(found.repo.indexOf("/") + 1)),
    config: found.config,
    splits: found.splits,
    options: { ...optionsOf(found.repo, found.options, format), ...formatOptions(options) },
    features: options.features ?? found.features ?? known,
    identity: [found.repo, found.commit, ...found.splits.flatMap(([split, files]) => [split, ...files.map((file) => file.slice(file.indexOf(found.commit)))])],
    fetch: found.fetch,
    fetchFile: found.fetchFile,
  };
}
