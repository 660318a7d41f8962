// Tracing: runs forward once on symbolic tensors and keeps the graph that it describes.
import { AccelerateError, ShapeError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import { Graph, type Value } from "../graph/graph.js";
import type { Parameter } from "./parameter.js";
import { isComputed } from "./state.js";
import { Tensor } from "./tensor.js";

/** What a traced forward returned, with values in the place of tensors. */
export type OutputTree =
  | { readonly kind: "tensor"; readonly index: number }
  | { readonly kind: "static"; readonly value: unknown }
  | { readonly kind: "array"; readonly items: readonly OutputTree[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, OutputTree])[] };

/** A concrete tensor met in forward. */
export interface Captured {
  readonly tensor: Tensor;
  readonly value: Value;
  /** Which of the module's tensor fields it is: a later call feeds what the field holds then. */
  readonly field: number | undefined;
}

/** A buffer that forward gives new numbers: `captured` is its place among the captured tensors. */
export interface BufferUpdate {
  readonly captured: number;
  readonly value: Value;
}

/** The graph of one forward, for one mode, structure of the inputs and pattern of frozen parameters. Sizes are symbolic. */
export interface Trace {
  readonly id: number;
  /** What was traced, for messages. */
  readonly name: string;
  readonly graph: Graph;
  /** One per tensor argument, in order. */
  readonly inputs: readonly Value[];
  readonly parameters: ReadonlyMap<Parameter, Value>;
  readonly parameterList: readonly Parameter[];
  /** Concrete tensors met in forward: fed with every call, never part of the graph. */
  readonly captured: readonly Captured[];
  /** What a recorded call writes into buffers, once. */
  readonly updates: readonly BufferUpdate[];
  /** The dropout key, when forward draws. */
  readonly key: Value | undefined;
  readonly outputs: readonly Value[];
  readonly tree: OutputTree;
  /** Every trainable parameter of the module, used or not, by name. */
  readonly trainable: ReadonlyMap<Parameter, string>;
}

let active: Tracer | undefined;
let nextId = 1;

/** The tracer of the forward that is running now, if one is. Forward is synchronous, so there is at most one. */
export const activeTracer = (): Tracer | undefined => active;

/** Collects what forward does. */
export class Tracer {
  readonly graph = new Graph();
  readonly builder = new Builder(this.graph);
  readonly inputs: Value[] = [];
  readonly parameters = new Map<Parameter, Value>();
  readonly #captured = new Map<Tensor, Captured>();
  /** New values of buffers, which later reads in the same forward see. */
  readonly #updates = new Map<Tensor, Value>();
  /** Tensors in the module's fields, in the order of `Traceable.structure`. */
  readonly #fields: readonly Tensor[];
  /** Names of the module's parameters; asked for again when an unknown one is met, because lazy layers make theirs in forward. */
  readonly #register: () => ReadonlyMap<Parameter, string>;
  #registered: ReadonlyMap<Parameter, string>;
  readonly #name: string;
  /** Paths of the parts of what is traced. */
  readonly #paths: ReadonlyMap<object, string>;
  #key: Tensor | undefined;
  #site = 0;

  constructor(name: string, fields: readonly Tensor[], register: () => ReadonlyMap<Parameter, string>, paths: ReadonlyMap<object, string> = new Map()) {
    this.#name = name;
    this.#fields = fields;
    this.#register = register;
    this.#registered = register();
    this.#paths = paths;
  }

  tensorOf(value: Value): Tensor {
    return Tensor.make(value.dtype, { kind: "symbolic", tracer: this, value });
  }

  /** A tensor argument: all its sizes become symbols, with its own sizes as hints. */
  input(x: Tensor, name: string): Tensor {
    const value = this.graph.input(
      name,
      x.dtype,
      x.shape.map((d) => this.graph.env.symbol(d)),
    );
    this.builder.source(value);
    this.inputs.push(value);
    return this.tensorOf(value);
  }

  /** The value that stands for a tensor met in forward. */
  valueOf(x: Tensor): Value {
    const s = x.state;
    if (s.kind === "symbolic") {
      if (s.tracer === this) return s.value;
      throw new AccelerateError("ERR_TRACE_LEAK", `a tensor of an earlier forward (${s.value.name}) was used in forward of ${this.#name}`, {
        hint: "do not keep tensors of forward in fields: return them",
      });
    }
    if (s.kind === "parameter") return this.#parameter(x as Parameter);
    if (s.kind === "lazy" && !isComputed(s)) {
      throw new AccelerateError("ERR_TRACE_CAPTURE", `forward of ${this.#name} uses a tensor that was recorded outside it`, { hint: "pass it as an argument" });
    }
    const known = this.#updates.get(x) ?? this.#captured.get(x)?.value;
    if (known) return known;
    const value = this.graph.input(this.#paths.get(x) ?? "captured", x.dtype, s.shape);
    const field = this.#fields.indexOf(x);
    this.#captured.set(x, { tensor: x, value, field: field < 0 ? undefined : field });
    return value;
  }

  /** Gives a concrete tensor, a module's buffer, new numbers: they are written when the call has been run. No gradient flows through them. */
  update(buffer: Tensor, value: Tensor): void {
    const before = this.valueOf(buffer);
    const after = this.builder.op("Identity", [this.valueOf(value)], { _detach: 1 });
    const { env } = this.graph;
    const same = before.dtype === after.dtype && before.rank === after.rank && before.shape.every((d, i) => env.equal(d, after.shape[i]!));
    if (!same) {
      throw new ShapeError(
        `forward of ${this.#name} gives a buffer ${before.dtype} ${env.show(before.shape)} numbers ${after.dtype} ${env.show(after.shape)}`,
        {
          hint: "a buffer keeps its dtype and shape",
        },
      );
    }
    this.#updates.set(buffer, after);
  }

  #parameter(p: Parameter): Value {
    const known = this.parameters.get(p);
    if (known) return known;
    if (!this.#registered.has(p)) this.#registered = this.#register();
    const name = this.#registered.get(p);
    if (name === undefined) {
      throw new AccelerateError(
        "ERR_PARAMETER_UNREGISTERED",
        `forward of ${this.#name} uses a parameter of shape [${p.shape.join(", ")}] that is not found among its fields`,
        {
          hint: "keep parameters in public fields, arrays or maps of the module (not in #private fields), made in the constructor",
        },
      );
    }
    const value = this.graph.input(name, p.dtype, p.shape);
    this.parameters.set(p, value);
    return value;
  }

  /** The dropout key of the call, int64 [4]. */
  key(): Tensor {
    this.#key ??= this.tensorOf(this.graph.input("dropout_key", "int64", [4]));
    return this.#key;
  }
  nextSite(): number {
    return this.#site++;
  }

  /** Runs a part of forward under its path ("bert.encoder.layer.0"), which node names, errors and profiles then carry; under `name` where what is traced has it in no field. */
  scoped<V>(part: object, name: string, body: () => V): V {
    const outer = this.builder.scope;
    this.builder.scope = this.#paths.get(part) ?? (outer ? `${outer}.${name}` : name);
    try {
      return body();
    } finally {
      this.builder.scope = outer;
    }
  }

  /** Runs forward with this tracer active. */
  run(forward: () => unknown): Trace {
    if (active) throw new AccelerateError("ERR_TRACE_NESTED", "a forward was traced inside another one");
    active = this;
    try {
      const outputs: Value[] = [];
      const tree = this.#tree(forward(), outputs, "");
      const key = this.#key?.state;
      return {
        id: nextId++,
        name: this.#name,
        graph: this.graph,
        inputs: this.inputs,
        parameters: this.parameters,
        parameterList: [...this.parameters.keys()],
        captured: [...this.#captured.values()],
        updates: [...this.#updates].map(([buffer, value]) => ({ captured: [...this.#captured.keys()].indexOf(buffer), value })),
        key: key?.kind === "symbolic" ? key.value : undefined,
        outputs,
        tree,
        trainable: new Map([...this.#register()].filter(([p]) => p.requiresGrad)),
      };
    } finally {
      active = undefined;
    }
  }

  #tree(result: unknown, outputs: Value[], path: string): OutputTree {
    if (result instanceof Tensor) return { kind: "tensor", index: outputs.push(this.valueOf(result)) - 1 };
    if (result instanceof Promise) {
      // If it fails, too, nobody would hear of it but the end of the program.
      result.catch(() => {});
      throw new AccelerateError("ERR_TRACE_ASYNC", `forward of ${this.#name} returned a promise`, {
        hint: "forward must be synchronous: it describes the model, nothing is computed in it",
      });
    }
    if (result instanceof Map || result instanceof Set)
      throw new AccelerateError("ERR_TRACE_OUTPUT", `forward of ${this.#name} returned a ${result.constructor.name}${path && ` in ${path}`}`, {
        hint: "return a tensor, or arrays and objects of tensors",
      });
    if (ArrayBuffer.isView(result)) return { kind: "static", value: result };
    if (Array.isArray(result)) return { kind: "array", items: result.map((r, i) => this.#tree(r, outputs, `${path}[${i}]`)) };
    if (typeof result === "object" && result !== null) {
      return { kind: "object", entries: Object.entries(result).map(([k, v]) => [k, this.#tree(v, outputs, `${path}.${k}`)] as const) };
    }
    return { kind: "static", value: result };
  }
}
