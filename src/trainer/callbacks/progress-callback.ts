// ProgressCallback: the bar of a training, its log, and the table of its evaluations, on stderr.
import { checkNames, type OptionNames } from "../../option-names.js";
import { Bar, lengthOf } from "../../progress/bar.js";
import { processTerminal, type Terminal } from "../../progress/terminal.js";
import type { TrainingArguments } from "../arguments/index.js";
import { epochText, trainingLine } from "../display/label.js";
import { logLine } from "../display/log-line.js";
import { EvaluationTable, lossTable } from "../display/table.js";
import type { TrainerControl, TrainerState } from "../state/index.js";
import { type CallbackContext, type CallbackLoader, TrainerCallback } from "./trainer-callback.js";

export interface ProgressCallbackOptions {
  /** Longer texts in the log are not shown; default 100 characters. */
  readonly maxStrLen?: number;
  /** Default: stderr. */
  readonly terminal?: Terminal;
}

const optionNames: OptionNames<ProgressCallbackOptions> = { maxStrLen: true, terminal: true };

/** Named sets are evaluated one after the other: their metrics are eval_<set>_loss and so on. */
const isNamedSet = (metrics: Readonly<Record<string, number>>): boolean =>
  !("eval_loss" in metrics) && Object.keys(metrics).some((name) => /^eval_.+_loss$/.test(name));

/**
 * Shows a training in the first process: a bar that moves on a terminal and a plain line every few seconds elsewhere, a line for every row of the log, a table row for every evaluation, and where
 * nothing is evaluated a table of the losses at the end. Every Trainer has it, unless `disableTqdm` asks for the PrinterCallback.
 *
 * @example
 * const trainer = new Trainer({ model, args, trainDataset, callbacks: [new ProgressCallback({ maxStrLen: 200 })] }); // in the place of the default one
 */
export class ProgressCallback extends TrainerCallback {
  maxStrLen: number;
  readonly #terminal: Terminal;
  #training: Bar | undefined;
  #prediction: Bar | undefined;
  #loader: CallbackLoader | undefined;
  #table: EvaluationTable | undefined;
  #losses: [step: number, loss: number][] = [];

  constructor(options: ProgressCallbackOptions = {}) {
    super();
    checkNames("ProgressCallback", options, optionNames);
    const { maxStrLen = 100, terminal = processTerminal() } = options;
    this.maxStrLen = maxStrLen;
    this.#terminal = terminal;
  }

  override onTrainBegin(args: TrainingArguments, state: TrainerState): void {
    this.#training?.close();
    this.#losses = [];
    this.#table = new EvaluationTable(args);
    this.#training = state.isWorldProcessZero ? new Bar(this.#terminal, state.maxSteps, { initial: state.globalStep, line: trainingLine }) : undefined;
  }
  override onEpochBegin(): void {
    this.#writeRow();
  }
  override onStepBegin(): void {
    this.#writeRow();
  }
  override onStepEnd(_args: TrainingArguments, state: TrainerState): void {
    this.#training?.moveTo(state.globalStep, `Epoch ${epochText(state.epoch)}/${state.numTrainEpochs}`);
  }
  override onPredictionStep(_args: TrainingArguments, state: TrainerState, _control: TrainerControl, { evalDataloader }: CallbackContext): void {
    if (!state.isWorldProcessZero) return;
    // One that is still there under another loader is of an evaluation that failed.
    if (this.#loader !== evalDataloader) this.#closePrediction();
    this.#loader = evalDataloader;
    if (this.#prediction) {
      this.#prediction.update(1);
      return;
    }
    const total = evalDataloader && lengthOf(evalDataloader);
    if (total === undefined) return;
    // The first batch was made before there was a clock.
    this.#prediction = new Bar(this.#terminal, total, { initial: 1, line: trainingLine, leave: this.#training === undefined });
    this.#prediction.update(0);
  }
  override onEvaluate(_args: TrainingArguments, state: TrainerState, _control: TrainerControl, { metrics = {} }: CallbackContext): void {
    this.#closePrediction();
    if (!this.#training) return;
    this.#table?.add(state, metrics);
    // Others of its row may follow.
    if (!isNamedSet(metrics)) this.#writeRow();
  }
  override onPredict(): void {
    this.#closePrediction();
  }
  override onSave(): void {
    this.#writeRow();
  }
  override onLog(_args: TrainingArguments, state: TrainerState, _control: TrainerControl, { logs = {} }: CallbackContext): void {
    if (!this.#training) return;
    if (logs.loss !== undefined) this.#losses.push([state.globalStep, logs.loss]);
    this.#training.print(logLine(logs, this.maxStrLen));
  }
  override onTrainEnd(args: TrainingArguments): void {
    this.#writeRow();
    if (this.#training && args.evalStrategy === "no" && this.#losses.length > 0) this.#training.print(lossTable(this.#losses).join("\n"));
    this.close();
  }

  /** Lines of others, above the bar that moves. @returns false where there is none */
  print(text: string): boolean {
    const bar = this.#prediction ?? this.#training;
    bar?.print(text);
    return bar !== undefined;
  }
  /** Ends the lines that move: for a training that failed. */
  close(): void {
    this.#closePrediction();
    this.#training?.close();
    this.#training = undefined;
  }

  #closePrediction(): void {
    this.#prediction?.close();
    this.#prediction = undefined;
  }
  #writeRow(): void {
    const lines = this.#table?.take() ?? [];
    if (lines.length > 0) this.#training?.print(lines.join("\n"));
  }
}
