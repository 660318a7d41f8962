// What a check of the self-test is: a name, and a body that every worker runs. It notes what is not as expected and goes on, so that no worker leaves the others alone in a call.
import { inspect, isDeepStrictEqual } from "node:util";
import type { Accelerator } from "../../src/accelerator/index.js";

/** What a worker has found. */
export interface Finding {
  readonly rank: number;
  readonly what: string;
  readonly actual: string;
  readonly expected: string;
}
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly ms: number;
  readonly findings: readonly Finding[];
}

const show = (value: unknown): string => inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY, compact: true, maxArrayLength: 12 });

/** Compares and remembers. */
export class Expectations {
  readonly findings: Finding[] = [];
  readonly #rank: number;
  constructor(rank: number) {
    this.#rank = rank;
  }

  #note(what: string, actual: unknown, expected: unknown): void {
    this.findings.push({ rank: this.#rank, what, actual: show(actual), expected: show(expected) });
  }
  equal(what: string, actual: unknown, expected: unknown): void {
    if (!isDeepStrictEqual(actual, expected)) this.#note(what, actual, expected);
  }
  /** Numbers that differ by rounding: at most 1e-6 of the largest. Of others the worst is told. */
  close(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    if (actual.length !== expected.length) {
      this.#note(`how many numbers of ${what}`, actual.length, expected.length);
      return;
    }
    const off = Array.from(expected, (e, i) => Math.abs(actual[i]! - e));
    const most = off.reduce((worst, d, i) => (d <= off[worst]! ? worst : i), 0);
    const size = Array.from(expected).reduce((a, b) => Math.max(a, Math.abs(b)), 1);
    if (off.length > 0 && !(off[most]! <= 1e-6 * size)) this.#note(`${what}, number ${most} of ${off.length}`, actual[most], expected[most]);
  }
}

export interface CheckContext {
  readonly accelerator: Accelerator;
  readonly rank: number;
  readonly world: number;
  /** 0 to world - 1. */
  readonly ranks: readonly number[];
  readonly expect: Expectations;
  /** A folder of this run that the workers of one machine share. */
  readonly folder: string;
}
export interface Check {
  readonly name: string;
  run(context: CheckContext): Promise<void>;
}
