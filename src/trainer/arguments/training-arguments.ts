// TrainingArguments: everything that a Trainer is told besides its parts, checked when it is made, and never changed afterwards.
import { ArgumentError } from "../../errors.js";
import type { ArgumentTable } from "./argument.js";
import { completed } from "./complete.js";
import { isRecord, snakeCase } from "./names.js";
import { type OldName, oldNames, type OldTrainingArguments } from "./old-names.js";
import { modernised, namedValues, readValues } from "./read.js";
import { type TrainingArgumentInput, trainingArgumentTable, type TrainingArgumentValues } from "./table/index.js";

/** All arguments are optional. docs/training-arguments.md says what each of them means. */
export type TrainingArgumentsOptions = TrainingArgumentInput & OldTrainingArguments;

/** Of which worker a question is asked; an Accelerator is one. */
export interface WorkerPlace {
  readonly isMainProcess: boolean;
  readonly isLocalMainProcess: boolean;
}

const what = "TrainingArguments";
const reading = { table: trainingArgumentTable, what, old: oldNames };
const code = "ERR_TRAINING_ARGUMENTS";

/** The values as properties, which only a constructor can write. */
const Values = class {
  constructor(values: TrainingArgumentValues) {
    for (const [name, value] of Object.entries(values)) Object.defineProperty(this, name, { value, enumerable: true });
  }
} as new (
  values: TrainingArgumentValues,
) => TrainingArgumentValues;

function given(outputDir: unknown, options: unknown): Readonly<Record<string, unknown>> {
  if (typeof outputDir === "object" && outputDir !== null && options === undefined) return given(undefined, outputDir);
  if (outputDir !== undefined && typeof outputDir !== "string")
    throw new ArgumentError(`${what}: the output folder is ${JSON.stringify(outputDir) ?? typeof outputDir}`, {
      code,
      hint: 'write new TrainingArguments("folder", { ... })',
    });
  if (options === undefined) return outputDir === undefined ? {} : { outputDir };
  if (!isRecord(options) && !(options instanceof TrainingArguments))
    throw new ArgumentError(`${what} was given ${options === null ? "null" : typeof options} in the place of options`, {
      code: "ERR_OPTIONS",
      hint: "name it: { learningRate: ... }",
    });
  const named: Readonly<Record<string, unknown>> = { ...options };
  if (outputDir !== undefined && named.outputDir !== undefined && named.outputDir !== outputDir)
    throw new ArgumentError(`${what}: two output folders, ${outputDir} and ${String(named.outputDir)}`, { code, hint: "give one" });
  return outputDir === undefined ? named : { ...named, outputDir };
}

/**
 * Arguments of a Trainer, with the defaults of transformers.
 *
 * @throws ArgumentError ERR_OPTIONS for a name that is not known; ERR_TRAINING_ARGUMENTS for a value that is none, or for values that cannot be together; ERR_TRAINING_ARGUMENT_REFUSED for what
 * cannot be done here.
 * @example
 * const args = new TrainingArguments("test-trainer", { evalStrategy: "epoch", learningRate: 2e-5, perDeviceTrainBatchSize: 16 });
 * args.with({ learningRate: 5e-5 }).toJSON(); // { ..., learning_rate: 0.00005, ... }
 */
export class TrainingArguments extends Values {
  static readonly argumentTable: ArgumentTable = trainingArgumentTable;
  static readonly argumentTitle: string = "Training";
  static readonly oldArguments: Readonly<Record<string, OldName>> = oldNames;
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(outputDir?: string, options?: TrainingArgumentsOptions);
  constructor(options?: TrainingArgumentsOptions);
  constructor(outputDir?: string | TrainingArgumentsOptions, options?: TrainingArgumentsOptions) {
    const named = given(outputDir, options);
    const modern = modernised(reading, namedValues(reading, named));
    super(completed(readValues(reading, modern)));
    this.#given = modern;
  }

  /**
   * Arguments from a file's content: names with underscores, as Python writes them, or in camelCase.
   *
   * @example
   * TrainingArguments.fromJSON(await readFile("training_args.json", "utf8"));
   */
  static fromJSON<T extends TrainingArguments>(this: new (options: TrainingArgumentsOptions) => T, json: Readonly<Record<string, unknown>> | string): T {
    let record: unknown = json;
    try {
      if (typeof json === "string") record = JSON.parse(json);
    } catch (cause) {
      throw new ArgumentError(`${what}: what was given is no JSON (${(cause as Error).message})`, { code, cause });
    }
    if (!isRecord(record)) throw new ArgumentError(`${what}: the JSON is no object`, { code, hint: 'write { "learning_rate": 5e-5 }' });
    return new this(namedValues({ ...reading, fromFile: true }, record) as TrainingArgumentsOptions);
  }

  /** The same with changes; what followed from the values before follows from the new ones. undefined is the default again. */
  with(changes: TrainingArgumentsOptions): this {
    const named = given(undefined, changes);
    // Under its new name an old one takes the place of what was given before.
    const modern = modernised(reading, namedValues(reading, named));
    const [before, after] = [this.#given.acceleratorConfig, modern.acceleratorConfig];
    const config = isRecord(before) && isRecord(after) && !Object.hasOwn(named, "acceleratorConfig") ? { acceleratorConfig: { ...before, ...after } } : {};
    const unset = Object.fromEntries(Object.entries(named).filter(([, value]) => value === undefined));
    return new (this.constructor as new (options: TrainingArgumentsOptions) => this)({ ...this.#given, ...unset, ...modern, ...config });
  }

  /** Rows of a training batch on this worker. */
  get trainBatchSize(): number {
    return this.perDeviceTrainBatchSize;
  }
  /** Rows of a batch on this worker when evaluating. */
  get evalBatchSize(): number {
    return this.perDeviceEvalBatchSize;
  }

  /** Steps of warmup out of so many. */
  getWarmupSteps(numTrainingSteps: number): number {
    return this.warmupSteps >= 1 ? Math.trunc(this.warmupSteps) : Math.ceil(numTrainingSteps * this.warmupSteps);
  }

  /** Whether this worker shows what `logLevel` lets through, rather than `logLevelReplica`. */
  shouldLog({ isMainProcess, isLocalMainProcess }: WorkerPlace): boolean {
    return this.logOnEachNode ? isLocalMainProcess : isMainProcess;
  }
  /** Whether this worker writes models and checkpoints. */
  shouldSave({ isMainProcess, isLocalMainProcess }: WorkerPlace): boolean {
    return this.saveOnEachNode ? isLocalMainProcess : isMainProcess;
  }
  /** The least level that this worker shows; undefined ("passive"): as loggers have it. */
  getProcessLogLevel(place: WorkerPlace): "debug" | "info" | "warning" | "error" | "critical" | undefined {
    const level = this.shouldLog(place) ? this.logLevel : this.logLevelReplica;
    return level === "passive" ? undefined : level;
  }

  /** As Python's to_dict: names with underscores (sorted), undefined as null, no secrets. Old names are there only where they were given. */
  toJSON(): Record<string, unknown> {
    const entries = Object.entries(trainingArgumentTable).flatMap(([name, { kind, old }]): [string, unknown][] => {
      const value: unknown = this[name as keyof TrainingArgumentValues];
      if (old !== undefined && value === undefined) return [];
      if (name.endsWith("Token")) return [[snakeCase(name), `<${snakeCase(name).toUpperCase()}>`]];
      const write = kind.write as ((value: unknown) => unknown) | undefined;
      return [[snakeCase(name), (write ? write(value) : value) ?? null]];
    });
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  /** toJSON as text, two spaces deep. */
  toJsonString(): string {
    return JSON.stringify(this.toJSON(), null, 2);
  }
}
