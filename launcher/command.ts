// What a command of the CLI is: data for the parser, the help, completion and the docs, and a function.
import type { Readable, Writable } from "node:stream";

/** Results go to stdout, all else to stderr. */
export interface Terminal {
  /** undefined: there is nobody to ask. */
  readonly stdin?: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

export interface CommandOption {
  /** As commander writes them: "--json", "--sanitize <kind>". */
  readonly flags: string;
  readonly description: string;
  /** The parser refuses all others. */
  readonly choices?: readonly string[];
  /** What a shell completes after the flag, where the choices do not say it. */
  readonly completes?: "file" | "folder" | readonly string[];
  /** A switch that also comes as --no-...; its value is then false. */
  readonly negatable?: boolean;
  /** Its heading in the help. */
  readonly group?: string;
}

export interface CliCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CommandOption[];
  /** Words that follow the options, as commander writes them: "<script>", "[args...]". From the first of them on, options belong to it. */
  readonly operands?: readonly (readonly [syntax: string, description: string])[];
  /** Whole command lines with what they are for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** More commands, called by a second word. */
  readonly commands?: readonly CliCommand[];
  /** Options by their long name in camelCase; resolves with the exit code. What only this command needs is imported here, so that the others start fast. */
  run(options: { readonly [name: string]: string | boolean | undefined }, terminal: Terminal, operands: readonly string[]): Promise<number>;
}
