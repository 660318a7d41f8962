// Which names several tables have together.
import { ArgumentError } from "../../../errors.js";
import { similar } from "../../../similar.js";
import type { Argument, ArgumentSource } from "../argument.js";
import { flagOf } from "../names.js";

export interface KnownArgument {
  readonly source: number;
  /** undefined: an old name. */
  readonly argument: Argument | undefined;
}
export type KnownArguments = ReadonlyMap<string, KnownArgument>;

/** @throws ArgumentError when two tables have the same name. */
export function knownArguments(sources: readonly ArgumentSource[]): KnownArguments {
  const known = new Map<string, KnownArgument>();
  sources.forEach(({ argumentTable, argumentTitle }, source) => {
    for (const [name, argument] of Object.entries(argumentTable)) {
      const other = known.get(name);
      if (other)
        throw new ArgumentError(`parseArgs: ${name} stands in two tables, ${sources[other.source]!.argumentTitle} and ${argumentTitle}`, {
          code: "ERR_OPTIONS",
          hint: "give one of them another name",
        });
      known.set(name, { source, argument });
    }
  });
  // What a script defines itself goes before an old name.
  sources.forEach(({ oldArguments = {} }, source) => {
    for (const name of Object.keys(oldArguments)) if (!known.has(name)) known.set(name, { source, argument: undefined });
  });
  return known;
}

/** " (did you mean --learning-rate?)", or nothing. */
export function suggested(name: string, known: KnownArguments, spelled: (name: string) => string = flagOf): string {
  const near = similar(
    name,
    [...known].filter(([, { argument }]) => argument && !argument.refused).map(([other]) => other),
  );
  return near === undefined ? "" : ` (did you mean ${spelled(near)}?)`;
}
