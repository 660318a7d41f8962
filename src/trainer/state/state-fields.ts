// What trainer_state.json must hold, checked when it is read.
import { ArgumentError } from "../../errors.js";

type Check = (value: unknown) => boolean;
const isNumber: Check = (value) => typeof value === "number";
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isRecord: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isState: Check = (value) => isRecord(value) && isRecord((value as { args?: unknown }).args) && isRecord((value as { attributes?: unknown }).attributes);
const isRow: Check = (value) => isRecord(value) && isNumber((value as { step?: unknown }).step);
const or =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const isNull: Check = (value) => value === null;

const fields: Readonly<Record<string, readonly [check: Check, what: string]>> = {
  epoch: [or(isNumber, isNull), "a number"],
  global_step: [isCount, "a whole number"],
  max_steps: [isCount, "a whole number"],
  logging_steps: [isNumber, "a number"],
  eval_steps: [isNumber, "a number"],
  save_steps: [isNumber, "a number"],
  train_batch_size: [or(isCount, isNull), "a whole number or null"],
  num_train_epochs: [isNumber, "a number"],
  num_input_tokens_seen: [isCount, "a whole number"],
  total_flos: [isNumber, "a number"],
  log_history: [listOf(isRow), "a list of records with a step"],
  best_metric: [or(isNumber, isNull), "a number or null"],
  best_global_step: [or(isCount, isNull), "a whole number or null"],
  best_model_checkpoint: [or(isText, isNull), "a path or null"],
  is_local_process_zero: [isFlag, "true or false"],
  is_world_process_zero: [isFlag, "true or false"],
  is_hyper_param_search: [isFlag, "true or false"],
  trial_name: [or(isText, isNull), "a text or null"],
  trial_params: [or(isRecord, isNull), "a record or null"],
  stateful_callbacks: [
    (value) => isRecord(value) && Object.values(value as object).every(or(isState, listOf(isState))),
    "a record of states with args and attributes",
  ],
};

/** The fields of the file that we know, and those that other versions have. Older ones lack some. @throws ArgumentError ERR_TRAINER_STATE */
export function checkedFields(content: unknown, path: string): { readonly known: Record<string, unknown>; readonly others: Record<string, unknown> } {
  if (!isRecord(content) || !("global_step" in (content as object)))
    throw new ArgumentError(`${path} holds no state of a training`, { code: "ERR_TRAINER_STATE", hint: "give the trainer_state.json of a checkpoint" });
  const [known, others]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const [name, value] of Object.entries(content as Record<string, unknown>)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field && !field[0](value))
      throw new ArgumentError(`${path}: ${name} is ${JSON.stringify(value)?.slice(0, 80)}, not ${field[1]}`, {
        code: "ERR_TRAINER_STATE",
        hint: "the file was changed or damaged; resume from another checkpoint",
      });
    (field ? known : others)[name] = value;
  }
  return { known, others };
}
