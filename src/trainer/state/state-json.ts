// trainer_state.json byte for byte as transformers writes it: sorted names, two spaces, and floats that are whole with ".0".
import { pythonFloat } from "../../python-numbers.js";
import { pythonJson } from "../../data/columns/python-json.js";

/** Whole numbers of a row of the log; all others are floats in Python. */
const whole: ReadonlySet<string> = new Set(["step", "num_input_tokens_seen"]);
/** Floats outside of the log. */
const floats: ReadonlySet<string> = new Set(["epoch", "total_flos", "best_metric", "early_stopping_threshold"]);
/** Python's initial values are whole: they become floats with the first step. */
const wholeAtFirst: ReadonlySet<string> = new Set(["epoch", "total_flos"]);

function numberText(value: number, name: string, isLog: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  if (!Number.isInteger(value)) return pythonFloat(value);
  if (value === 0 && wholeAtFirst.has(name)) return "0";
  return (isLog ? !whole.has(name) : floats.has(name)) ? pythonFloat(value) : String(value);
}

function text(value: unknown, name: string, isLog: boolean, indent: string): string {
  if (typeof value === "number") return numberText(value, name, isLog);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return pythonJson(value);
  const inner = `${indent}  `;
  const log = isLog || name === "log_history";
  const items = Array.isArray(value)
    ? value.map((item) => text(item, name, log, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => `${pythonJson(key)}: ${text(item, key, log, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return items.length === 0 ? `${open}${close}` : `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** The text of the file, with names as in Python. */
export const stateJson = (record: Readonly<Record<string, unknown>>): string => `${text(record, "", false, "")}\n`;
