// Where a training stands: counters, logs, the best model; kept in trainer_state.json.
import { readFile } from "node:fs/promises";
import { ArgumentError } from "../../errors.js";
import { parseExtendedJson } from "../../tracking/extended-json.js";
import { writeWhole } from "../../unfinished.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { CallbackStates } from "./exportable.js";
import { checkedFields } from "./state-fields.js";
import { stateJson } from "./state-json.js";

/** A row of the log: what was logged, and at which step. */
export interface LogEntry {
  readonly step: number;
  readonly [name: string]: number;
}
/** What one training is about, given to `initTrainingReferences`. */
export interface TrainingReferences {
  readonly maxSteps: number;
  readonly numTrainEpochs: number;
  readonly isLocalProcessZero: boolean;
  readonly isWorldProcessZero: boolean;
  readonly trialName?: string | undefined;
  readonly trialParams?: Readonly<Record<string, unknown>> | undefined;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * The state of a training, given to callbacks and kept with each checkpoint. A step is an update of the weights, of however many batches.
 *
 * @example
 * const state = await TrainerState.loadFromJson("run/checkpoint-500/trainer_state.json"); // Python's files, too
 * console.log(state.globalStep, state.bestMetric, state.logHistory.at(-1));
 */
export class TrainerState {
  /** Epochs done, with the part of the current one. */
  epoch = 0;
  globalStep = 0;
  maxSteps = 0;
  loggingSteps = 500;
  evalSteps = 500;
  saveSteps = 500;
  /** Rows of a batch of one worker: what `autoFindBatchSize` found. */
  trainBatchSize: number | undefined = undefined;
  numTrainEpochs = 0;
  numInputTokensSeen = 0;
  totalFlos = 0;
  logHistory: LogEntry[] = [];
  bestMetric: number | undefined = undefined;
  bestGlobalStep: number | undefined = undefined;
  bestModelCheckpoint: string | undefined = undefined;
  isLocalProcessZero = true;
  isWorldProcessZero = true;
  isHyperParamSearch = false;
  trialName: string | undefined = undefined;
  trialParams: Readonly<Record<string, unknown>> | undefined = undefined;
  /** States of callbacks as of the last checkpoint, by the names of their classes. */
  statefulCallbacks: CallbackStates = {};
  /** Of files of other versions: kept, so that they are written again. */
  #others: Readonly<Record<string, unknown>> = {};

  constructor(values: Partial<Pick<TrainerState, StateField>> = {}) {
    Object.assign(this, values);
  }

  /** Steps between logs, evaluations and checkpoints, where the arguments give parts of the whole. */
  computeSteps(args: Pick<TrainingArguments, "loggingSteps" | "evalSteps" | "saveSteps">, maxSteps: number): void {
    for (const name of ["loggingSteps", "evalSteps", "saveSteps"] as const) {
      const steps = args[name];
      if (steps !== undefined && steps !== null) this[name] = steps < 1 ? Math.ceil(maxSteps * steps) : steps;
    }
  }

  /** What a training that begins, or goes on from a checkpoint, knows better than the file. */
  initTrainingReferences({ trialName, trialParams, ...references }: TrainingReferences): void {
    Object.assign(this, references);
    if (trialName !== undefined) this.trialName = trialName;
    this.trialParams = trialParams;
  }

  /** The content of trainer_state.json. */
  toJSON(): Record<string, unknown> {
    return { ...this.#others, ...Object.fromEntries(Object.entries(this).map(([name, value]) => [snakeCase(name), value ?? null])) };
  }
  /** The text of trainer_state.json, as transformers writes it. */
  toJsonString(): string {
    return stateJson(this.toJSON());
  }
  /** Writes the file whole or not at all. @throws what the system says */
  async saveToJson(path: string): Promise<void> {
    await writeWhole(path, this.toJsonString());
  }

  /** @throws ArgumentError ERR_TRAINER_STATE when the text is no such file */
  static fromJsonString(text: string, path = "trainer_state.json"): TrainerState {
    let content: unknown;
    try {
      content = parseExtendedJson(text);
    } catch (cause) {
      throw new ArgumentError(`${path} is no JSON (${cause instanceof Error ? cause.message : cause})`, {
        code: "ERR_TRAINER_STATE",
        cause,
        hint: "it was cut off or is another file; resume from another checkpoint",
      });
    }
    const { known, others } = checkedFields(content, path);
    const state = new TrainerState();
    for (const [name, value] of Object.entries(known)) if (value !== null) Object.assign(state, { [camelCase(name)]: value });
    state.#others = others;
    return state;
  }
  /** Reads a file of ours or of transformers. @throws ArgumentError ERR_TRAINER_STATE when it is none; what the system says when it cannot be read */
  static async loadFromJson(path: string): Promise<TrainerState> {
    return TrainerState.fromJsonString(await readFile(path, "utf8"), path);
  }
}

type StateField = { [K in keyof TrainerState]: TrainerState[K] extends (...args: never) => unknown ? never : K }[keyof TrainerState];
