// Which engine multiplies which matrices: measured once per machine and shape, and kept in a file, so that runs that follow compute the same bits.
import { createHash, randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../config.js";
import { Builder } from "../graph/builder.js";
import { Graph } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { GemmChooser, GemmShape } from "../graph/passes/gemm.js";
import type { Precision } from "../graph/passes/pass.js";
import type { Engine } from "./engine.js";
import { gemmEngine } from "./gemm-engine.js";

/** How a shape was decided. */
export interface GemmChoice {
  /** "848x384x1536 TN + bias": rows, inner size, columns, whose operands are transposed; sizes that vary stand as 1024. */
  readonly shape: string;
  /** "MLAS" or "oneDNN 2.6.3". */
  readonly engine: string;
  /** GFLOP/s of ONNX Runtime's own kernels, MLAS, and of the other engine. */
  readonly mlas: number;
  readonly other: number;
}

/** The other engine has to be so much faster: what is equal stays as it was, whatever the noise of the measurement. */
const leastGain = 1.08;
/** Seconds for the measurement of one shape. */
const budget = 0.06;
/** Multiplications of what is measured: bigger products are measured as smaller ones. */
const mostWork = 2 ** 30;

function measured({ m, n, k, ...rest }: GemmShape): GemmShape {
  let sizes = [m, n, k] as [number, number, number];
  while (sizes[0] * sizes[1] * sizes[2] > mostWork) {
    const longest = Math.max(...sizes);
    sizes = sizes.map((size) => (size === longest ? Math.ceil(size / 2) : size)) as [number, number, number];
  }
  return { m: sizes[0], n: sizes[1], k: sizes[2], ...rest };
}

const shapeText = ({ m, n, k, transposeA, transposeB, bias }: GemmShape): string =>
  `${m}x${k}x${n} ${transposeA ? "T" : "N"}${transposeB ? "T" : "N"}${bias ? " + bias" : ""}`;

/** The product as ONNX Runtime computes it. */
function modelOf({ m, n, k, transposeA, transposeB, bias }: GemmShape): Uint8Array {
  const graph = new Graph();
  const b = new Builder(graph);
  const left = graph.input("a", "float32", transposeA ? [k, m] : [m, k]);
  const right = graph.input("b", "float32", transposeB ? [n, k] : [k, n]);
  const product = b.matmul(left, right, { transposeA, transposeB });
  graph.output(bias ? b.add(product, b.constant({ dtype: "float32", shape: [n], data: new Float32Array(n) })) : product, "y");
  return toOnnx(graph);
}

/** Reads a choice that another process has made, or keeps this one for others; the first one stays. */
class ChoiceFiles {
  readonly #folder = join(cacheFolder(), "gemm");
  readonly #machine: string;

  constructor(machine: string) {
    this.#machine = machine;
  }
  #path(shape: string): string {
    return join(this.#folder, `${createHash("sha256").update(`${this.#machine}\n${shape}`).digest("hex").slice(0, 32)}.json`);
  }
  read(shape: string): GemmChoice | undefined {
    try {
      const choice = JSON.parse(readFileSync(this.#path(shape), "utf8")) as GemmChoice;
      return choice.shape === shape && typeof choice.engine === "string" ? choice : undefined;
    } catch {
      return undefined; // nobody has measured it here, or the file is damaged: it is measured anew
    }
  }
  keep(choice: GemmChoice): GemmChoice {
    const path = this.#path(choice.shape);
    const part = `${path}.${randomUUID()}`;
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(part, JSON.stringify({ ...choice, machine: this.#machine }));
      linkSync(part, path);
    } catch {
      return this.read(choice.shape) ?? choice; // another process was first, or nothing can be written here
    } finally {
      rmSync(part, { force: true });
    }
    return choice;
  }
}

/**
 * Chooses the engine of each product of float32 matrices. Shapes that nobody has measured on this machine are measured at once, for some hundredths of a second.
 *
 * @example
 * const choices = new GemmChoices(Engine.default());
 * choices.ours({ m: 384, n: 1536, k: 1024, transposeA: true, transposeB: false, bias: false });
 * console.table(choices.made);
 */
export class GemmChoices implements GemmChooser {
  readonly #engine: Engine;
  readonly #made = new Map<string, GemmChoice>();
  #files: ChoiceFiles | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** All choices of this process so far. */
  get made(): readonly GemmChoice[] {
    return [...this.#made.values()];
  }

  ours(asked: GemmShape): boolean {
    const engine = gemmEngine();
    if (!engine) return false;
    const shape = measured(asked);
    const text = shapeText(shape);
    const choice = this.#made.get(text) ?? this.#choose(text, shape, engine.name, engine.processor);
    this.#made.set(text, choice);
    return choice.engine === engine.name;
  }

  #choose(text: string, shape: GemmShape, name: string, processor: string): GemmChoice {
    const { version, threads, native } = this.#engine;
    this.#files ??= new ChoiceFiles([cpus()[0]?.model, processor, `onnxruntime ${version}`, name, `${threads} threads`].join("; "));
    const before = this.#files.read(text);
    if (before) return before;
    const { m, n, k, transposeA, transposeB } = shape;
    const { session, engine } = native.raceGemm(modelOf(shape), m, n, k, transposeA, transposeB, shape.bias, 1, budget);
    const rate = (seconds: number) => (2 * m * n * k) / seconds / 1e9;
    return this.#files.keep({ shape: text, engine: session! / engine! >= leastGain ? name : "MLAS", mlas: rate(session!), other: rate(engine!) });
  }
}

const choicesOf = new WeakMap<Engine, GemmChoices>();
/** The choices of an engine, made on first use. */
export function gemmChoices(engine: Engine): GemmChoices {
  const choices = choicesOf.get(engine) ?? new GemmChoices(engine);
  choicesOf.set(engine, choices);
  return choices;
}

/**
 * GFLOP/s that oneDNN reaches at a big product with the engine's threads; undefined where it is missing, or has no bfloat16. Blocks while it measures.
 *
 * @example
 * const { gflops, engine } = otherEngineRate(Engine.default(), "bf16") ?? { gflops: 0 };
 */
export function otherEngineRate(
  engine: Engine,
  precision: Precision,
  options: { readonly size?: number; readonly seconds?: number } = {},
): { readonly gflops: number; readonly engine: string } | undefined {
  const { size = 1024, seconds = 0.2 } = options;
  const other = gemmEngine();
  if (!other || (precision === "bf16" && other.bfloat16 === "none")) return undefined;
  const { engine: time } = engine.native.raceGemm(undefined, size, size, size, false, false, false, precision === "bf16" ? 16 : 1, seconds);
  return { gflops: (2 * size ** 3) / time! / 1e9, engine: `${other.name}, ${precision === "bf16" ? "bfloat16" : "float32"}` };
}
