// PowerSGD (Vogels, Karimireddy, Jaggi: "PowerSGD: Practical low-rank gradient compression for distributed optimization", 2019): matrices travel as products of few vectors.
import { ArgumentError } from "../../errors.js";
import { kernelsOf } from "../../optim/index.js";
import { compressKernelsOf, Engine } from "../../runtime/index.js";
import type { HostLink } from "./hook.js";
import { drawVector, orthonormalize, vectorsOf } from "./orthonormal.js";

/** Names and defaults are torch's. */
export interface PowerSgdOptions {
  /** Vectors per matrix; more are closer to the gradient and send more. Default 1. */
  readonly matrixApproximationRank?: number;
  /** Optimizer steps before gradients are compressed: early gradients change too fast to be approximated. Default 1000. */
  readonly startPowerSgdIter?: number;
  /** What was lost in a step is added to the next one's gradient. Costs memory like the gradients. Default true. */
  readonly useErrorFeedback?: boolean;
  /** The vectors of a step are where the next one starts from. Default true. */
  readonly warmStart?: boolean;
  /** Matrices that would not shrink at least so much travel as they are. Default 2. */
  readonly minCompressionRate?: number;
  /** Added to lengths of vectors before dividing by them. Default 0. */
  readonly orthogonalizationEpsilon?: number;
  /** Of the first vectors. Default 0. */
  readonly randomSeed?: number;
}

const defaults: Required<PowerSgdOptions> = {
  matrixApproximationRank: 1,
  startPowerSgdIter: 1000,
  useErrorFeedback: true,
  warmStart: true,
  minCompressionRate: 2,
  orthogonalizationEpsilon: 0,
  randomSeed: 0,
};

/** @throws ArgumentError ERR_COMM_HOOK for options that make no sense. */
export function powerSgdOptions(given: PowerSgdOptions = {}): Required<PowerSgdOptions> {
  const options = { ...defaults, ...given };
  const unknown = Object.keys(given).find((key) => !(key in defaults));
  const refuse = (message: string, hint: string): never => {
    throw new ArgumentError(`commStateOption: ${message}`, { code: "ERR_COMM_HOOK", hint });
  };
  if (unknown !== undefined) refuse(`there is no ${unknown}`, `one of ${Object.keys(defaults).join(", ")}`);
  const { matrixApproximationRank: rank, startPowerSgdIter: start, minCompressionRate: rate, orthogonalizationEpsilon: epsilon } = options;
  if (!Number.isInteger(rank) || rank < 1) refuse(`matrixApproximationRank is ${rank}`, "give a whole number of at least 1");
  if (!Number.isInteger(start) || start < 0) refuse(`startPowerSgdIter is ${start}`, "give a whole number of at least 0");
  if (!(rate > 0)) refuse(`minCompressionRate is ${rate}`, "give a number above 0");
  if (!(epsilon >= 0)) refuse(`orthogonalizationEpsilon is ${epsilon}`, "give a number of at least 0");
  return options;
}

/** A gradient as a matrix, in place. */
export interface LowRankMatrix {
  readonly key: string;
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array;
}

interface MatrixState {
  readonly rows: number;
  readonly cols: number;
  /** What this host has not sent yet. */
  error?: Float32Array;
  /** The right vectors of the last step. */
  right?: Float32Array;
}
/** Of one host. */
export interface LowRankState {
  readonly iteration: number;
  readonly draws: number;
  readonly matrices: Readonly<Record<string, Readonly<MatrixState>>>;
}

/** Adds matrices up over the hosts, approximately. */
export class LowRank {
  readonly options: Required<PowerSgdOptions>;
  readonly #states = new Map<string, MatrixState>();
  #draws = 0;
  /** Optimizer steps so far. */
  iteration = 0;

  constructor(options: PowerSgdOptions = {}) {
    this.options = powerSgdOptions(options);
  }

  /** Whether compression has begun. */
  get active(): boolean {
    return this.iteration >= this.options.startPowerSgdIter;
  }
  #rankOf(rows: number, cols: number): number {
    return Math.min(this.options.matrixApproximationRank, rows, cols);
  }
  /** Whether a matrix shrinks enough. */
  shrinks(rows: number, cols: number): boolean {
    return (rows + cols) * this.#rankOf(rows, cols) * this.options.minCompressionRate < rows * cols;
  }

  /** A collective of the hosts. Afterwards each matrix holds the approximate sum, the same bits on every host. */
  async reduce(matrices: readonly LowRankMatrix[], link: HostLink): Promise<void> {
    if (matrices.length === 0) return;
    const { useErrorFeedback, warmStart, orthogonalizationEpsilon: epsilon } = this.options;
    const kernels = compressKernelsOf(Engine.default());
    const ranks = matrices.map(({ rows, cols }) => this.#rankOf(rows, cols));
    const [leftAll, lefts] = packed(matrices.map(({ rows }, i) => rows * ranks[i]!));
    const [rightAll, rights] = packed(matrices.map(({ cols }, i) => cols * ranks[i]!));
    for (const [i, m] of matrices.entries()) {
      const state = this.#state(m);
      if (state.error) await add(m.data, state.error);
      this.#begin(state, rights[i]!, ranks[i]!);
      await kernels.project(m.data, m.rows, m.cols, ranks[i]!, lefts[i]!, rights[i]!);
    }
    await link.sum(leftAll);
    for (const [i, m] of matrices.entries()) {
      orthonormalize(vectorsOf(lefts[i]!, ranks[i]!), { epsilon });
      await kernels.projectBack(m.data, m.rows, m.cols, ranks[i]!, lefts[i]!, rights[i]!);
    }
    await link.sum(rightAll);
    for (const [i, m] of matrices.entries()) {
      const state = this.#state(m);
      // An overflow is shown to who skips such steps, and is not kept for the next ones.
      if (!finite(lefts[i]!) || !finite(rights[i]!)) {
        m.data.fill(Number.NaN);
        continue;
      }
      if (useErrorFeedback) state.error ??= new Float32Array(m.data.length);
      // The hosts' errors add up to what all of them together have lost.
      await kernels.rebuild(m.data, m.rows, m.cols, ranks[i]!, lefts[i]!, rights[i]!, state.error, 1 / link.hosts);
      if (warmStart) state.right = rights[i]!.slice();
    }
  }

  /** What this host has not sent yet of a matrix, live. */
  errorOf(key: string): Float32Array | undefined {
    return this.#states.get(key)?.error;
  }

  stateDict(): LowRankState {
    const copy = ({ rows, cols, error, right }: MatrixState): MatrixState => ({
      rows,
      cols,
      ...(error && { error: error.slice() }),
      ...(right && { right: right.slice() }),
    });
    return { iteration: this.iteration, draws: this.#draws, matrices: Object.fromEntries([...this.#states].map(([key, state]) => [key, copy(state)])) };
  }
  loadStateDict({ iteration, draws, matrices }: LowRankState): void {
    this.iteration = iteration;
    this.#draws = draws;
    this.#states.clear();
    for (const [key, { rows, cols, error, right }] of Object.entries(matrices))
      this.#states.set(key, { rows, cols, ...(error && { error: Float32Array.from(error) }), ...(right && { right: Float32Array.from(right) }) });
  }

  #state({ key, rows, cols }: LowRankMatrix): MatrixState {
    let state = this.#states.get(key);
    if (!state || state.rows !== rows || state.cols !== cols) {
      state = { rows, cols };
      this.#states.set(key, state);
    }
    return state;
  }
  /** The vectors that a step starts from. */
  #begin(state: MatrixState, right: Float32Array, k: number): void {
    const draw = (vector: Float32Array): void => drawVector(vector, { draw: this.#draws++, seed: this.options.randomSeed });
    const vectors = vectorsOf(right, k);
    if (state.right?.length === right.length) right.set(state.right);
    else for (const vector of vectors) draw(vector);
    orthonormalize(vectors, { epsilon: this.options.orthogonalizationEpsilon, draw });
  }
}

function packed(lengths: readonly number[]): readonly [all: Float32Array, parts: Float32Array[]] {
  const all = new Float32Array(lengths.reduce((sum, n) => sum + n, 0));
  let at = 0;
  return [
    all,
    lengths.map((n) => {
      at += n;
      return all.subarray(at - n, at);
    }),
  ];
}
const add = (to: Float32Array, more: Float32Array): Promise<void> =>
  kernelsOf(Engine.default()).sum(to, { arrays: [to, more], factor: 1 }, Float64Array.of(0, to.length, 0, 3));
const finite = (numbers: Float32Array): boolean => numbers.every(Number.isFinite);
