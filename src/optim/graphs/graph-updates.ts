// Updates of parameters on a device by graphs that the engine runs there: for devices without kernels of ours.
import type { Builder } from "../../graph/builder.js";
import type { Graph, Value } from "../../graph/graph.js";
import type { DeviceArray, DeviceContext } from "../../runtime/device-context.js";
import { type DeviceJob, type DeviceSegments, type GradientNorm, runAllOnDevice, runOnDevice, takeScratch } from "../../tensor/index.js";
import { type DeviceParts, type DeviceUpdate, type DeviceUpdates, type UpdateRule, updateRules } from "../device-updates.js";
import { DeviceConstants } from "./constants.js";
import { deviceNorm } from "./norms.js";
import { type RuleGraph, ruleGraphs } from "./rules.js";
import { type RowTerms, Terms } from "./terms.js";

/** A length of a flat range: any. */
const anyLength = 1 << 20;

/** Constants of a step: which 0 and 1 are part of the graph, row by row. */
class Rows {
  readonly #fields: readonly string[];
  readonly #folds: readonly string[];
  readonly #rows = new Map<number, Float32Array>();
  readonly numbers: Float32Array;

  constructor(rule: UpdateRule, rows: Float64Array, { folds }: RuleGraph) {
    this.#fields = updateRules[rule];
    this.#folds = folds;
    this.numbers = Float32Array.from(rows);
  }
  get width(): number {
    return this.#fields.length;
  }
  /** The same array each time: it goes up once. */
  of(row: number): Float32Array {
    const own = this.#rows.get(row) ?? this.numbers.subarray(row * this.width, (row + 1) * this.width);
    this.#rows.set(row, own);
    return own;
  }
  known(row: number): Readonly<Record<string, 0 | 1>> {
    const own = this.of(row);
    const known = this.#folds.map((field) => [field, own[this.#fields.indexOf(field)]!] as const).filter(([, x]) => x === 0 || x === 1);
    return Object.fromEntries(known) as Record<string, 0 | 1>;
  }
  keyOf(row: number): string {
    return Object.entries(this.known(row)).flat().join("");
  }
  /** The constants of a row, picked from the input that holds those of all. */
  terms(b: Builder, input: Value, row: number, at: number = row): RowTerms {
    const known = this.known(row);
    const fed = this.#fields
      .filter((field) => !(field in known))
      .map((field) => [field, scalarAt(b, input, at * this.width + this.#fields.indexOf(field))] as const);
    return { known, fed: Object.fromEntries(fed) };
  }
}

/** A number of a vector, without dims. */
function scalarAt(b: Builder, vector: Value, index: number): Value {
  return b.op("Gather", [vector, b.scalar(index, "int64")]);
}

/** Updates that the engine runs as graphs: flat ranges in place where the device has them, else all parameters of an arena in one graph that writes to their spares. */
export class GraphUpdates implements DeviceUpdates {
  readonly rules: ReadonlySet<UpdateRule> = new Set(Object.keys(ruleGraphs) as UpdateRule[]);
  readonly #context: DeviceContext;
  readonly #constants: DeviceConstants;

  constructor(context: DeviceContext) {
    this.#context = context;
    this.#constants = new DeviceConstants(context);
  }
  get #flat(): boolean {
    return this.#context.device.flatMemory;
  }

  step(update: DeviceUpdate): Promise<void> {
    const rule = ruleGraphs[update.rule];
    const rows = new Rows(update.rule, update.rows, rule);
    return this.#flat && rule.elementwise ? this.#stepRanges(update, rule, rows) : this.#stepParameters(update, rule, rows);
  }

  async #stepRanges({ rule: name, values, gradients, states, ranges, segments }: DeviceUpdate, rule: RuleGraph, rows: Rows): Promise<void> {
    const stateNames = Object.keys(states);
    const jobs: (() => DeviceJob)[] = [];
    // Before what the device is about to write counts more than what the host has written.
    for (const written of [values, ...Object.values(states)]) written.sendUp();
    const constants = ranges.length > 0 ? this.#constants.send(name, rows.numbers, rows.width) : undefined;
    for (let i = 0; i < ranges.length; i += 4) {
      const [offset, length, row] = [ranges[i]!, ranges[i + 1]!, ranges[i + 2]!];
      const build = (b: Builder, graph: Graph): Value[] => {
        const constants = graph.input("constants", "float32", [rows.width]);
        const n = graph.env.symbol(anyLength);
        const input = (name: string): Value => graph.input(name, "float32", [n]);
        const before = { value: input("value"), gradient: input("gradient"), states: Object.fromEntries(stateNames.map((s) => [s, input(s)])) };
        const after = rule.emit(new Terms(b, rows.terms(b, constants, row, 0)), before);
        return [after.value, ...stateNames.map((s) => after.states[s]!)];
      };
      jobs.push(() => {
        const at = (x: DeviceSegments) => x.range(offset, length);
        const own = [at(values), ...stateNames.map((s) => at(states[s]!))];
        return {
          key: `${name} ${rows.keyOf(row)} ${stateNames.join()}`,
          build,
          inputs: [constants!.row(row), own[0]!, at(gradients), ...own.slice(1)],
          ...this.#apart(
            rule,
            own.map((array, k) => ({ what: k === 0 ? "value" : stateNames[k - 1]!, array })),
          ),
        };
      });
    }
    for (const { segment } of segments) for (const written of [values, ...Object.values(states)]) written.written(segment.index);
    // Ways round take memory of their own: one after the other they take that of the largest.
    const running = rule.apart?.length ? jobs.map((job) => runOnDevice(this.#context, job)) : [runAllOnDevice(this.#context, () => jobs.map((job) => job()))];
    await Promise.all([constants?.sending, ...running]);
  }

  #stepParameters({ rule: name, values, gradients, states, segments }: DeviceUpdate, rule: RuleGraph, rows: Rows): Promise<void> {
    const own = segments.map(({ segment, row }) => ({
      index: segment.index,
      row,
      states: Object.entries(states).filter(([, x]) => x.has(segment.index)),
      shape: segment.parameter.shape,
    }));
    const used = [...new Set(own.map(({ row }) => row))];
    const key = `${name} ${used.map((row) => `${row}:${rows.keyOf(row)}`).join()} ${rows.numbers.length} ${own
      .map((o) => `${o.row}[${o.shape.join()}]${o.states.map(([s]) => s).join()}`)
      .join(";")}`;
    const build = (b: Builder, graph: Graph): Value[] => {
      const constants = graph.input("constants", "float32", [rows.numbers.length]);
      const terms = new Map(used.map((row) => [row, new Terms(b, rows.terms(b, constants, row))] as const));
      return own.flatMap(({ index, row, states: mine, shape }) => {
        const input = (what: string, own: readonly number[]): Value => graph.input(`${what}${index}`, "float32", own);
        const before = {
          value: input("value", shape),
          gradient: input("gradient", shape),
          states: {} as Record<string, Value>,
        };
        for (const [s, x] of mine) before.states[s] = rule.unread?.includes(s) ? before.value : input(s, x.shapeOf(index));
        const after = rule.emit(terms.get(row)!, before);
        return [after.value, ...mine.map(([s]) => after.states[s]!)];
      });
    };
    return runOnDevice(this.#context, () => {
      const inputs = own.flatMap((o) => [
        values.at(o.index),
        gradients.at(o.index),
        ...o.states.filter(([s]) => !rule.unread?.includes(s)).map(([, x]) => x.at(o.index)),
      ]);
      const outputs = own.flatMap((o) => [
        { what: "value", array: values.spare(o.index) },
        ...o.states.map(([what, x]) => ({ what, array: x.spare(o.index) })),
      ]);
      const apart = this.#apart(rule, outputs);
      const swap = () => {
        for (const o of own) for (const written of [values, ...o.states.map(([, x]) => x)]) written.swap(o.index);
      };
      const queued = () => {
        apart.queued?.();
        swap();
      };
      return { key, build, inputs: [rows.numbers, ...inputs], ...apart, queued, failed: swap };
    });
  }

  /** Outputs, where they may be written; the others take a way round. */
  #apart(
    { apart = [] }: RuleGraph,
    outputs: readonly { readonly what: string; readonly array: DeviceArray }[],
  ): Pick<DeviceJob, "outputs" | "copies" | "queued"> {
    if (apart.length === 0 || !this.#context.device.writesInPlace) return { outputs: outputs.map(({ array }) => array) };
    const copies: { from: DeviceArray; into: DeviceArray }[] = [];
    const lent: { release(): void }[] = [];
    const targets = outputs.map(({ what, array }) => {
      if (!apart.includes(what)) return array;
      const scratch = takeScratch(this.#context, array.shape);
      lent.push(scratch);
      copies.push({ from: scratch.array, into: array });
      return scratch.array;
    });
    const queued = () => {
      for (const { release } of lent) release();
    };
    return { outputs: targets, copies, queued };
  }

  norm(gradients: DeviceSegments, parts: DeviceParts, kind: number, exponent: number): Promise<GradientNorm> {
    return deviceNorm(gradients, parts, kind, exponent);
  }

  scale(gradients: DeviceSegments, parts: DeviceParts, factor: number): Promise<void> {
    return this.#each("scale", gradients, parts, factor, (b, x, number) => b.mul(x, number));
  }
  clamp(gradients: DeviceSegments, parts: DeviceParts, limit: number): Promise<void> {
    return this.#each("clamp", gradients, parts, limit, (b, x, number) => {
      const low = b.neg(number);
      // Comparisons with what is no number are false: it stays.
      const upper = b.where(b.op("Greater", [x, number]), number, x);
      return b.where(b.op("Less", [upper, low]), low, upper);
    });
  }

  /** Element by element, in place of what was there. */
  async #each(
    what: string,
    gradients: DeviceSegments,
    { ranges, segments }: DeviceParts,
    number: number,
    emit: (b: Builder, x: Value, number: Value) => Value,
  ): Promise<void> {
    const given = Float32Array.of(number);
    if (this.#flat) {
      gradients.sendUp();
      const constants = ranges.length > 0 ? this.#constants.send(what, given, 1) : undefined;
      const jobs: (() => DeviceJob)[] = [];
      for (let i = 0; i < ranges.length; i += 4) {
        const [offset, length] = [ranges[i]!, ranges[i + 1]!];
        const build = (b: Builder, graph: Graph): Value[] => {
          const fed = graph.input("number", "float32", [1]);
          return [emit(b, graph.input("x", "float32", [graph.env.symbol(anyLength)]), scalarAt(b, fed, 0))];
        };
        jobs.push(() => {
          const x = gradients.range(offset, length);
          return { key: what, build, inputs: [constants!.row(0), x], outputs: [x] };
        });
      }
      for (const { segment } of segments) gradients.written(segment.index);
      await Promise.all([constants?.sending, runAllOnDevice(this.#context, () => jobs.map((job) => job()))]);
      return;
    }
    const own = segments.map(({ segment }) => ({ index: segment.index, shape: segment.parameter.shape }));
    const build = (b: Builder, graph: Graph): Value[] => {
      const fed = scalarAt(b, graph.input("number", "float32", [1]), 0);
      return own.map(({ index, shape }) => emit(b, graph.input(`x${index}`, "float32", shape), fed));
    };
    await runOnDevice(this.#context, () => {
      const inputs = own.map(({ index }) => gradients.at(index));
      const outputs = own.map(({ index }) => gradients.spare(index));
      const swap = () => {
        for (const { index } of own) gradients.swap(index);
      };
      return {
        key: `${what} ${own.map(({ index, shape }) => `${index}[${shape.join()}]`).join(";")}`,
        build,
        inputs: [given, ...inputs],
        outputs,
        queued: swap,
        failed: swap,
      };
    });
  }
}
