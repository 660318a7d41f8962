// A row of the log as one line, as Python prints the dict: {'loss': '0.6972', 'grad_norm': '1.31', 'learning_rate': '4.603e-05', 'epoch': '0.7937'}
import { pythonString } from "../../data/columns/print.js";
import { pythonGeneral } from "../../python-numbers.js";

/** Whole in Python, and printed as they are. */
const whole: ReadonlySet<string> = new Set(["num_input_tokens_seen", "step"]);

function valueText(name: string, value: unknown, maxStrLen: number): string {
  if (typeof value === "string") {
    const isLong = value.length > maxStrLen;
    return pythonString(isLong ? `[String too long to display, length: ${value.length} > ${maxStrLen}. Consider increasing \`maxStrLen\` if needed.]` : value);
  }
  if (typeof value === "number") return whole.has(name) || (name === "epoch" && value === 0) ? String(value) : pythonString(pythonGeneral(value, 4));
  if (typeof value === "boolean") return value ? "True" : "False";
  return value === null || value === undefined ? "None" : pythonString(String(value));
}

/** Numbers with four significant digits, without total_flos. */
export function logLine(logs: Readonly<Record<string, unknown>>, maxStrLen = Number.POSITIVE_INFINITY): string {
  const entries = Object.entries(logs).filter(([name]) => name !== "total_flos");
  return `{${entries.map(([name, value]) => `${pythonString(name)}: ${valueText(name, value, maxStrLen)}`).join(", ")}}`;
}
