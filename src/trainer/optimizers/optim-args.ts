// The argument optimArgs: "momentum=0.9,nesterov=true" as options of an optimizer.
import { ArgumentError } from "../../errors.js";

/** What an option's text is read as. */
export type OptimArgKind = "number" | "boolean";
/** Options that optimArgs may give, by name. */
export type OptimArgNames = Readonly<Record<string, OptimArgKind>>;

const refuse = (message: string, hint: string): never => {
  throw new ArgumentError(`optimArgs: ${message}`, { code: "ERR_OPTIM_ARGS", hint });
};
const camelCase = (name: string): string => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** As transformers reads them: true, 1 and yes are true. */
const booleans: Readonly<Record<string, boolean>> = { true: true, "1": true, yes: true, false: false, "0": false, no: false };

const readers: { readonly [K in OptimArgKind]: (text: string, name: string) => number | boolean } = {
  number: (text, name) => (text !== "" && !Number.isNaN(Number(text)) ? Number(text) : refuse(`${name} is ${JSON.stringify(text)}`, "give a number")),
  boolean: (text, name) => booleans[text.toLowerCase()] ?? refuse(`${name} is ${JSON.stringify(text)}`, "give true or false"),
};

/** Other ways to say what optimArgs does not. */
const elsewhere: Readonly<Record<string, string>> = {
  lr: "the argument learningRate says it",
  weightDecay: "the argument weightDecay says it: it is given to the groups, and what the optimizer has by default counts for none of them",
  betas: "the arguments adamBeta1 and adamBeta2 say it",
};

/**
 * Options as the optimizer's class takes them. Names may be written with underscores, as in Python.
 *
 * @throws ArgumentError ERR_OPTIM_ARGS for what is no `name=value`, for names that the optimizer does not have, and for values that are not of their kind.
 */
export function parseOptimArgs(text: string | undefined, names: OptimArgNames, optim: string): Record<string, number | boolean> {
  const options: Record<string, number | boolean> = {};
  for (const item of (text ?? "").replaceAll(" ", "").split(",")) {
    if (item === "" && !text?.includes(",")) continue;
    const [given, value, more] = item.split("=");
    if (!given || value === undefined || more !== undefined) refuse(`${JSON.stringify(item)} is not name=value`, 'write "momentum=0.9,nesterov=true"');
    const name = camelCase(given!);
    if (!Object.hasOwn(names, name)) {
      const known = Object.keys(names).join(", ");
      refuse(`${optim} takes no ${given}`, elsewhere[name] ?? (known ? `it takes ${known}` : "it takes none"));
    }
    if (Object.hasOwn(options, name)) refuse(`${given} is given twice`, "give it once");
    options[name] = readers[names[name]!](value!, given!);
  }
  return options;
}
