// What the server has of a W&B run that is gone on with.
import { parseExtendedJson } from "./extended-json.js";
import type { RunBefore } from "./wandb-client.js";

type Values = Readonly<Record<string, unknown>>;

/** A server that keeps no JSON where it should keeps nothing that could be gone on with. */
function parsed(text: unknown): unknown {
  try {
    return typeof text === "string" ? parseExtendedJson(text) : undefined;
  } catch {
    return undefined;
  }
}
const recordOf = (value: unknown): Values => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Values) : {});

export interface Before {
  readonly config: Values;
  readonly summary: Values;
  /** The last step that it holds; -1: none. */
  readonly step: number;
  /** Seconds that it has run. */
  readonly runtime: number;
}

/** A configuration lies there as `{ name: { value } }`, the tail of the history as a list of lines. */
export function readBefore({ config, summaryMetrics, historyTail }: RunBefore): Before {
  const tail = parsed(historyTail);
  const last = recordOf(parsed(Array.isArray(tail) ? tail.at(-1) : undefined));
  const summary = recordOf(parsed(summaryMetrics));
  const number = (name: string, none: number): number => Math.max(none, ...[summary[name], last[name]].filter((x) => typeof x === "number"));
  return {
    config: Object.fromEntries(Object.entries(recordOf(parsed(config))).map(([key, value]) => [key, recordOf(value).value])),
    summary,
    step: number("_step", -1),
    runtime: number("_runtime", 0),
  };
}
/** The form in which W&B keeps a configuration. */
export const wrapped = (values: Values): Values => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, { value }]));
