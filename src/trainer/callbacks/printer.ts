// PrinterCallback: the log and nothing else.
import { checkNames, type OptionNames } from "../../option-names.js";
import { processTerminal } from "../../progress/terminal.js";
import type { TrainingArguments } from "../arguments/index.js";
import { logLine } from "../display/log-line.js";
import type { TrainerControl, TrainerState } from "../state/index.js";
import { type CallbackContext, TrainerCallback } from "./trainer-callback.js";

export interface PrinterCallbackOptions {
  /** Takes each line; default: stderr. */
  readonly print?: (line: string) => void;
}

const optionNames: OptionNames<PrinterCallbackOptions> = { print: true };

/**
 * Writes each row of the log as a line, in the first process: what a Trainer shows with `disableTqdm`.
 *
 * @example
 * const lines: string[] = [];
 * trainer.addCallback(new PrinterCallback({ print: (line) => lines.push(line) }));
 */
export class PrinterCallback extends TrainerCallback {
  readonly #print: (line: string) => void;

  constructor(options: PrinterCallbackOptions = {}) {
    super();
    checkNames("PrinterCallback", options, optionNames);
    this.#print = options.print ?? ((line) => processTerminal().write(`${line}\n`));
  }
  override onLog(_args: TrainingArguments, state: TrainerState, _control: TrainerControl, { logs = {} }: CallbackContext): void {
    if (state.isWorldProcessZero) this.#print(logLine(logs));
  }
}
