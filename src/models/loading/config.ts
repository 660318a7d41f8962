// config.json: what a model folder says about its architecture, checked, with unknown keys kept.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AccelerateError } from "../../errors.js";
import { writeWhole } from "../../safetensors/index.js";
import { ownNames } from "../shared/key-aliases.js";

export const configName = "config.json";

export type ProblemType = "regression" | "single_label_classification" | "multi_label_classification";

/** What every model's config has. Keys keep the names they have in the file; those that the library does not know survive a save. */
export interface PretrainedConfig {
  readonly model_type: string;
  readonly hidden_size: number;
  readonly num_labels: number;
  readonly [key: string]: unknown;
}
/** Keys of a config that have to do with its task. */
export interface TaskConfig {
  readonly problem_type?: ProblemType | null | undefined;
  readonly output_hidden_states?: boolean | undefined;
  readonly output_attentions?: boolean | undefined;
  /** Whether a language model's last map is the table of its words; true unless it says false. */
  readonly tie_word_embeddings?: boolean | undefined;
}

/** config.json cannot be used: code ERR_CONFIG; the message names the file and the key. */
export class ConfigError extends AccelerateError {
  constructor(message: string, options: { readonly cause?: unknown; readonly hint?: string } = {}) {
    super("ERR_CONFIG", message, options);
  }
}

/** Checks an object against a schema; the error names every key that is wrong. `where` is a file or the name of a class. */
export function validateConfig<S extends z.ZodType>(schema: S, raw: unknown, where: string): z.infer<S> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw new ConfigError(`${where}: ${problems.join("; ")}`, { cause: result.error });
}

/** A config as it stands in a file, unchecked but for its model_type. */
export interface RawConfig {
  readonly model_type: string;
  readonly [key: string]: unknown;
}

/** The JSON object of a folder's config.json. */
export async function readConfig(folder: string): Promise<RawConfig> {
  const file = join(folder, configName);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read`, { cause, hint: "a model folder has config.json and model.safetensors" });
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${file} is not JSON (${(cause as Error).message})`, { cause });
  }
  return validateConfig(z.looseObject({ model_type: z.string() }), raw, file);
}

/** Keys that follow from others and are not written, as in transformers. */
const derivedKeys = new Set(["num_labels", "_name_or_path"]);

/** Writes config.json with sorted keys, as transformers does; `architecture` is the name of the class. */
export async function saveConfig(folder: string, config: PretrainedConfig, architecture: string): Promise<void> {
  const fields: Record<string, unknown> = { ...ownNames(config.model_type, config), architectures: [architecture] };
  const keys = Object.keys(fields)
    .filter((key) => !derivedKeys.has(key) && fields[key] !== undefined)
    .sort();
  const text = JSON.stringify(Object.fromEntries(keys.map((key) => [key, fields[key]])), undefined, 2);
  await writeWhole(join(folder, configName), [`${text}\n`]);
}
