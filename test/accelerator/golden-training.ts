// What test/golden/accelerate-training.json holds; test/golden/make/accelerate_training.py makes it.

export interface GoldenCase {
  readonly name: string;
  readonly optimizer: "sgd" | "adamw";
  readonly batch: number;
  readonly rows: number;
  readonly epochs: number;
  readonly accumulation: number;
  readonly clip: number | null;
  readonly split: boolean;
  /** Steps of a linear schedule. */
  readonly schedule: number | null;
}
/** What one number of processes made of the cases. */
export interface GoldenResult {
  readonly cases: readonly {
    /** By process: of every micro-batch. */
    readonly losses: readonly (readonly number[])[];
    readonly norms: readonly number[];
    readonly lrs: readonly number[];
    readonly parameters: Readonly<Record<string, readonly number[]>>;
  }[];
  readonly regression: {
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly orders: readonly number[][];
    readonly a: number;
    readonly b: number;
  };
  readonly accumulation: number;
}
export interface GoldenFile {
  readonly features: readonly number[][];
  readonly labels: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly cases: readonly GoldenCase[];
  readonly worlds: Readonly<Record<number, GoldenResult>>;
}
