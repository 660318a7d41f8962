// What a command of the CLI is: data for the parser and the help, and a function.
import type { Writable } from "node:stream";

/** Results go to stdout, all else to stderr. */
export interface Terminal {
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

export interface CommandOption {
  /** As commander writes them: "--json", "--sanitize <kind>". */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
}

export interface CliCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly CommandOption[];
  /** Words that follow the options, as commander writes them: "<script>", "[args...]". From the first of them on, options belong to it. */
  readonly operands?: readonly (readonly [syntax: string, description: string])[];
  /** Whole command lines with what they are for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[];
  /** Options by their long name in camelCase; resolves with the exit code. What only this command needs is imported here, so that the others start fast. */
  run(options: { readonly [name: string]: string | boolean | undefined }, terminal: Terminal, operands: readonly string[]): Promise<number>;
}
