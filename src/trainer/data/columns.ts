// Which columns of a dataset a model takes: the others are dropped.
import { ArgumentError } from "../../errors.js";
import { labelledKeys } from "../../models/shared/check-batch.js";
import { PreTrainedModelBase } from "../../models/shared/pretrained-model.js";
import type { ModuleBase } from "../../nn/index.js";

/** A model of the program's own may name its inputs. */
interface Declared {
  readonly inputNames?: Iterable<string>;
}

/** Names in the object that a function's only parameter is taken apart into; undefined where it takes more, or other things. */
function destructured(forward: (...args: never[]) => unknown): readonly string[] | undefined {
  const text = Function.prototype.toString.call(forward);
  const open = /^(?:async\s+)?(?:function\s*)?[\w$]*\s*\(\s*\{/.exec(text);
  if (!open) return undefined;
  const names: string[] = [];
  let name = "";
  let inName = true;
  let depth = 0;
  for (let i = open[0].length; i < text.length; i++) {
    const c = text[i]!;
    if (depth === 0 && (c === "," || c === "}")) {
      const own = name.trim().replace(/^["']|["']$/g, "");
      // What is left over is taken as well, whatever its name: nothing can be said.
      if (own.startsWith("...") || own.startsWith("[") || own.includes("/")) return undefined;
      if (own) names.push(own);
      if (c === "}") return /^\}\s*(=\s*\{\s*\}\s*)?\)/.test(text.slice(i)) ? names : undefined;
      [name, inName] = ["", true];
    } else if ("{[(".includes(c)) depth++;
    else if ("}])".includes(c)) depth--;
    else if (c === "'" || c === '"' || c === "`") {
      if (!inName) return undefined;
      name += c;
    } else if (depth === 0 && (c === ":" || c === "=")) inName = false;
    else if (inName && depth === 0) name += c;
  }
  return undefined;
}

/**
 * The inputs of a model by name: its field `inputNames`; of a model of the library its own; else those that its forward takes its batch apart into (`forward({ input_ids, labels })`). Undefined where
 * nothing says: then the model is given all columns.
 */
export function inputNamesOf(model: ModuleBase): readonly string[] | undefined {
  const { inputNames } = model as Declared;
  if (inputNames !== undefined) return [...inputNames];
  if (model instanceof PreTrainedModelBase) return [...labelledKeys];
  return destructured(model.forward);
}

/** Those of the inputs that are labels, as transformers finds them. */
export function labelNamesOf(model: ModuleBase): readonly string[] {
  const names = inputNamesOf(model);
  if (!names) return ["labels"];
  const answers = /QuestionAnswering/.test(model.constructor.name) ? ["start_positions", "end_positions"] : [];
  return names.filter((name) => name.includes("label") || answers.includes(name));
}

/** Columns that are kept. */
export interface Signature {
  readonly modelName: string;
  readonly columns: readonly string[];
}
/** The inputs of a model and what labels may be called before they are collated; undefined where nothing is dropped. */
export function signatureOf(model: ModuleBase, labelNames: readonly string[]): Signature | undefined {
  const inputs = inputNamesOf(model);
  return inputs && { modelName: model.constructor.name, columns: [...new Set([...inputs, "label", "label_ids", ...labelNames])] };
}

/** What is told of columns that are dropped: transformers' line. */
export function ignoredLine({ modelName }: Signature, ignored: readonly string[], description: string): string {
  const names = ignored.join(", ");
  return `The following columns in the ${description} set don't have a corresponding argument in \`${modelName}.forward\` and have been ignored: ${names}. If ${names} are not expected by \`${modelName}.forward\`, you can safely ignore this message.`;
}
/** @throws ArgumentError ERR_TRAINER_COLUMNS where nothing is left */
export function droppedColumns({ modelName, columns }: Signature, given: readonly string[], description: string): readonly string[] {
  const ignored = given.filter((name) => !columns.includes(name));
  if (given.length > 0 && ignored.length === given.length)
    throw new ArgumentError(`no column of the ${description} set is an input of ${modelName}: columns are ${given.join(", ")}, inputs ${columns.join(", ")}`, {
      code: "ERR_TRAINER_COLUMNS",
      hint: "tokenize the texts first, or set removeUnusedColumns: false",
    });
  return ignored;
}
