// Who looks at runs.
import type { Program } from "./program.js";

/** Somebody who looks at runs: a profiler. */
export interface RunWatch {
  /** Prefix of the files that the engine writes the times of programs' nodes to; undefined: none. Programs that were compiled without are compiled again once there is one. */
  profile(): string | undefined;
  /** A program was compiled that writes a file of this prefix. */
  compiled(program: Program, prefix: string): void;
  /** Milliseconds of `performance.now`. */
  ran(program: Program, run: { readonly backward: boolean; readonly began: number; readonly ended: number }): void;
}
