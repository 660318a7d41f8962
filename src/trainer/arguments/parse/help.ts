// What --help shows.
import { type Argument, argumentGroups, type ArgumentSource } from "../argument.js";
import { flagOf } from "../names.js";

const COLUMNS = 100;
const BESIDE = 42;

/** Words in lines of so many columns. */
function wrapped(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1]!;
    if (last !== "" && last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** 5e-5, as programs write it. */
const numberText = (value: number): string => (value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value));

/** The default as help and docs show it; undefined: none. */
export function standardText({ standard, otherwise }: Argument): string | undefined {
  if (otherwise !== undefined) return otherwise.replaceAll("`", "");
  if (standard === undefined || (Array.isArray(standard) && standard.length === 0)) return undefined;
  return typeof standard === "number" ? numberText(standard) : typeof standard === "string" ? standard : JSON.stringify(standard);
}

function lines(name: string, argument: Argument): string[] {
  const { kind, help, required } = argument;
  const on = kind.placeholder === undefined;
  const flag = `  ${on && argument.standard === true ? `--no-${flagOf(name).slice(2)}` : flagOf(name)}${on ? "" : ` ${kind.placeholder}${kind.many ? "..." : ""}`}`;
  const standard = on ? undefined : standardText(argument);
  const remarks = [
    ...(required ? ["required"] : []),
    ...(kind.choices ? [`one of ${kind.choices.join(", ")}`] : []),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
  ];
  const text = wrapped([help, ...(remarks.length > 0 ? [`(${remarks.join("; ")})`] : [])].filter(Boolean).join(" "), COLUMNS - BESIDE);
  const [first = "", ...rest] = flag.length < BESIDE ? text : ["", ...text];
  return [`${flag.padEnd(BESIDE)}${first}`.trimEnd(), ...rest.map((line) => " ".repeat(BESIDE) + line)];
}

function sections({ argumentTable, argumentTitle }: ArgumentSource): string[] {
  const shown = Object.entries(argumentTable).filter(([, { refused, same, old }]) => refused === undefined && same === undefined && old === undefined);
  const titles = new Set([undefined, ...(Object.keys(argumentGroups) as (keyof typeof argumentGroups)[])]);
  return [...titles].flatMap((group) => {
    const own = shown.filter(([, argument]) => argument.group === group);
    return own.length === 0
      ? []
      : [[`${group === undefined ? argumentTitle : argumentGroups[group]}:`, ...own.flatMap(([name, argument]) => lines(name, argument))].join("\n")];
  });
}

/** Flags of all tables, what they mean, and their defaults. */
export const argumentHelp = (sources: readonly ArgumentSource[], program: string): string =>
  [
    `Usage: ${program} [file.json | file.yaml] [options]`,
    "Options may have underscores for hyphens. A file gives arguments by name; options count before it.",
    ...sources.flatMap(sections),
  ].join("\n\n");
