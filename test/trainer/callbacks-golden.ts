// What test/golden/make/trainer_callbacks.py has written.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";

export interface CallbackGolden {
  readonly numbers: readonly (readonly [value: number | string, repr: string, general: string, fixed: string])[];
  readonly states: readonly string[];
  readonly flow: readonly {
    readonly args: Readonly<Record<string, unknown>>;
    readonly max_steps: number;
    readonly steps: readonly [number, number, number];
    readonly flags: readonly string[];
  }[];
  readonly stopping: readonly {
    readonly greater: boolean;
    readonly patience: number;
    readonly threshold: number;
    readonly name: string;
    readonly series: readonly number[];
    readonly seen: readonly (readonly [count: number, stops: boolean])[];
  }[];
  readonly logs: readonly { readonly logs: Readonly<Record<string, number | string>>; readonly line: string }[];
  readonly tables: readonly {
    readonly strategy: "no" | "steps" | "epoch";
    readonly events: readonly { readonly step: number; readonly log?: Readonly<Record<string, number>>; readonly metrics?: Readonly<Record<string, number>> }[];
    readonly rows: readonly (readonly string[])[];
  }[];
}
export const golden = JSON.parse(readFileSync(join(packageRoot(import.meta.url), "test/golden/trainer-callbacks.json"), "utf8")) as CallbackGolden;
