// Where the API key of W&B comes from: options, WANDB_API_KEY, or the netrc file in which `wandb login` keeps it.
import { readFileSync } from "node:fs";
import type { WandbSettings } from "../config.js";

export const defaultBaseUrl = "https://api.wandb.ai";

/** The password that a netrc file holds for a host. Format: gnu.org/software/inetutils/manual, ".netrc file". */
export function netrcPassword(text: string, host: string): string | undefined {
  let machine: string | undefined;
  const tokens = text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join(" ")
    .split(/\s+/);
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] === "machine") machine = tokens[++i];
    else if (tokens[i] === "default") machine = host;
    else if (tokens[i] === "password" && machine === host) return tokens[i + 1];
  }
  return undefined;
}

/** undefined when there is none. */
export function findApiKey(options: { readonly apiKey?: string; readonly baseUrl?: string }, settings: WandbSettings): string | undefined {
  const key = options.apiKey ?? settings.apiKey;
  if (key !== undefined) return key;
  const baseUrl = options.baseUrl ?? settings.baseUrl ?? defaultBaseUrl;
  if (!URL.canParse(baseUrl)) return undefined;
  try {
    return netrcPassword(readFileSync(settings.netrc, "utf8"), new URL(baseUrl).hostname);
  } catch {
    // There is no such file, or it is not ours to read: then it holds no key for us.
    return undefined;
  }
}
