// docs/training-arguments.md, made from the table: npm run docs:arguments writes it, a test compares it.
import { acceleratorArguments } from "./accelerator-config.js";
import { type Argument, type ArgumentGroup, argumentGroups, type ArgumentTable } from "./argument.js";
import { flagOf, snakeCase } from "./names.js";
import { oldNames } from "./old-names.js";
import { standardText } from "./parse/help.js";
import { trainingArgumentTable } from "./table/index.js";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
const code = (text: string): string => `\`${text}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

const entries = (of: ArgumentTable): [name: string, argument: Argument][] => Object.entries(of);

function standardCell(argument: Argument): string {
  if (argument.otherwise !== undefined) return cell(argument.otherwise);
  const text = standardText(argument);
  return text === undefined ? "" : code(text);
}
/** What it may be, where the default does not say it. */
function valueText({ kind }: Argument): string {
  if (kind.choices) return kind.choices.map(code).join(", ");
  return kind.placeholder === undefined ? "true, false" : kind.wanted;
}
const meaning = ({ help, old }: Argument): string => cell(old === undefined ? help : `${help} An old name: ${old}.`);

const kept = (of: ArgumentTable): string =>
  table(
    ["argument", "meaning", "value", "default"],
    entries(of)
      .filter(([, { refused, same }]) => refused === undefined && same === undefined)
      .map(([name, argument]) => [code(name), meaning(argument), cell(valueText(argument)), standardCell(argument)]),
  );

const ofGroup = (group: ArgumentGroup): ArgumentTable => Object.fromEntries(entries(trainingArgumentTable).filter(([, argument]) => argument.group === group));
const sections = (): string =>
  (Object.keys(argumentGroups) as ArgumentGroup[])
    .filter((group) => entries(ofGroup(group)).some(([, { refused, same }]) => refused === undefined && same === undefined))
    .map((group) => `### ${argumentGroups[group]}\n\n${kept(ofGroup(group))}`)
    .join("\n\n");

const refusedRows = (of: ArgumentTable, prefix = ""): string[][] =>
  entries(of).flatMap(([name, { refused, help }]) => (refused === undefined ? [] : [[code(`${prefix}${name}`), cell(help), cell(refused)]]));
/** Choices that other arguments do not take here, by reason. */
const refusedChoices = (): string[][] =>
  entries(trainingArgumentTable).flatMap(([name, { kind }]) => {
    const reasons = Object.entries(kind.reasons ?? {});
    return [...new Set(reasons.map(([, reason]) => reason))].map((reason) => [
      code(name),
      reasons
        .filter(([, why]) => why === reason)
        .map(([choice]) => code(choice))
        .join(", "),
      cell(reason),
    ]);
  });
const sameRows = (): string[][] =>
  entries(trainingArgumentTable).flatMap(([name, { same, help }]) => (same === undefined ? [] : [[code(name), cell(help), cell(same)]]));
const oldRows = (refused: boolean): string[][] =>
  Object.entries(oldNames)
    .filter(([, old]) => (old.refused ?? false) === refused)
    .map(([name, { advice }]) => [code(name), code(snakeCase(name)), cell(advice)]);

/** The whole page. */
export const trainingArgumentsPage = (): string => `# Training arguments

<!-- Made from the table of src/trainer/arguments by npm run docs:arguments. -->

What a \`Trainer\` is told besides its parts. Names are those of transformers 5 in camelCase, and so are the defaults.

\`\`\`ts
import { TrainingArguments } from "accelerate-ts/trainer";

const args = new TrainingArguments("test-trainer", { evalStrategy: "epoch", learningRate: 2e-5, perDeviceTrainBatchSize: 16 });
\`\`\`

Arguments are checked when they are made, and never change afterwards: \`args.with({ learningRate: 5e-5 })\` gives others. A name that is not known is an error that tells the nearest one. \`args.toJSON()\` gives them with
underscores, as Python's \`to_dict\`; \`TrainingArguments.fromJSON\` reads both spellings, also files that transformers has written.

What cannot be done here is refused with the reason, unless the value means "off" or is the default: nothing is ignored in silence.

## On the command line

\`parseArgs\` reads a script's command line, as HfArgumentParser does: \`${flagOf("learningRate")} 5e-5\` (or \`--learning_rate=5e-5\`), switches alone or with a value (\`${flagOf("evalOnStart")}\`, \`--eval-on-start false\`,
\`--no-remove-unused-columns\`), lists as several words, objects as JSON. A JSON or YAML file may stand first; options count before what it says. \`--help\` lists all.

\`\`\`ts
import { argument, defineArguments, parseArgs, TrainingArguments } from "accelerate-ts/trainer";

const script = defineArguments({
  model: argument.text({ required: true, help: "The model to start from." }),
  maxLength: argument.number({ default: 128, min: 1, whole: true }),
  task: argument.choice(["mrpc", "sst2"], { default: "mrpc" }),
});
const [args, { model, maxLength, task }] = parseArgs([TrainingArguments, script]);
\`\`\`

\`\`\`sh
node train.ts --model bert-base-uncased --output-dir out --learning-rate 2e-5 --eval-strategy epoch
node train.ts arguments.yaml --seed 1
\`\`\`

## Arguments

${sections()}

### acceleratorConfig

An object, the same as JSON text, or the path of a JSON file.

${kept(acceleratorArguments)}

## Not here

Values that mean "off" are taken, and so are the defaults; others are errors.

${table(["argument", "what it is for", "why it is refused"], [...refusedRows(trainingArgumentTable), ...refusedRows(acceleratorArguments, "acceleratorConfig.")])}

Choices of other arguments that are refused:

${table(["argument", "choices", "why"], refusedChoices())}

## The same either way

Every value is taken, because it makes no difference:

${table(["argument", "what it asks for", "why it makes no difference"], sameRows())}

## Old names

They are taken, and told of once:

${table(["name", "in files", "instead"], oldRows(false))}

These are errors, unless their value means "off":

${table(["name", "in files", "why"], oldRows(true))}
`;
