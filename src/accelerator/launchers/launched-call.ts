// What a launcher inside a program and its workers leave for each other in a folder of theirs.

export const callFile = "call";
/** Of a file per rank. */
export const outcomePrefix = "outcome-";

/** The function to be called. */
export interface Call {
  readonly url: string;
  readonly name: string;
  readonly args: readonly unknown[];
}
/** What came of it on one worker. */
export type Outcome = { readonly rank: number; readonly worldSize: number } & (
  | { readonly kind: "returned"; readonly value: unknown }
  | {
      readonly kind: "failed";
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly code: unknown;
      /** Milliseconds since 1970. */
      readonly at: number;
    }
);
