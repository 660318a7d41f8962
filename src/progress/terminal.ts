// Where progress is drawn: stderr, what it can show, and the clock.
import { stderr } from "node:process";
import { terminalSettings } from "../config.js";

export interface Terminal {
  readonly isTTY: boolean;
  readonly columns: number;
  readonly color: boolean;
  write(text: string): void;
  /** Milliseconds that only grow. */
  now(): number;
}

/** The process's stderr. NO_COLOR and COLUMNS are honoured. */
export function processTerminal(): Terminal {
  const settings = terminalSettings();
  const isTTY = stderr.isTTY === true || settings.through !== undefined;
  return {
    isTTY,
    color: isTTY && !settings.noColor,
    get columns() {
      // 0 is what a terminal without a size says.
      return stderr.columns || settings.through || settings.columns || 80;
    },
    write: (text) => void stderr.write(text),
    now: () => performance.now(),
  };
}
