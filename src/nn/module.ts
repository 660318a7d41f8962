// Module: a class with parameters and a forward, whose instances are called like functions.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { activeTracer, allowUpdates, callTraced, type Device, Parameter, Tensor, type Traceable } from "../tensor/index.js";
import { loadModule, saveModule } from "./module-file.js";
import { moduleRepr } from "./module-repr.js";

/**
 * Makes instances callable: the constructor gives back a function that has the class's prototype. Fields of this class would
 * be lost with the object that it replaces, so it has none; those of the classes below are put on the function.
 */
abstract class Callable {
  constructor() {
    const self = ((...args: unknown[]) => invoke(self as unknown as ModuleBase, args)) as unknown as this;
    Object.setPrototypeOf(self, new.target.prototype);
    for (const own of ["name", "length"] as const) {
      // What a class defines must not be hidden by the function's own; else it is emptied, because a delete makes all fields slow (V8).
      if (own in new.target.prototype) delete (self as { name?: string; length?: number })[own];
      else Object.defineProperty(self, own, { value: undefined, writable: true, enumerable: false, configurable: true });
    }
    // biome-ignore lint/correctness/noConstructorReturn: a callable instance is what this class is for
    return self;
  }
}

/** What calling an instance does: recorded outside forward, part of the outer forward inside it. */
function invoke(module: ModuleBase, args: readonly unknown[]): unknown {
  const tracer = activeTracer();
  if (!tracer) {
    (module.checkCall as (...args: unknown[]) => void).apply(module, [...args]);
    return callTraced(module, args);
  }
  return tracer.scoped(module, module.constructor.name, () => (module.forward as (...args: unknown[]) => unknown).apply(module, [...args]));
}

type Found = { readonly kind: "parameter"; readonly value: Parameter } | { readonly kind: "module"; readonly value: ModuleBase };

/** Parameters and modules in a field: by itself, in arrays and in maps, nested. */
function* search(value: unknown, path: string): Generator<readonly [path: string, found: Found]> {
  if (value instanceof Parameter) yield [path, { kind: "parameter", value }];
  else if (value instanceof ModuleBase) yield [path, { kind: "module", value }];
  else if (Array.isArray(value)) for (const [i, v] of value.entries()) yield* search(v, `${path}.${i}`);
  else if (value instanceof Map) for (const [k, v] of value) yield* search(v, `${path}.${String(k)}`);
}

/**
 * Modules with their modes, frozen parameters and kinds of tensors of whatever a field holds. Runs at every call of a model, so it recurses plainly instead of
 * yielding.
 */
function describe(value: unknown, parts: string[], fields: Tensor[], seen: Set<unknown>): void {
  if (typeof value === "function") {
    if (!(value instanceof ModuleBase)) return;
    parts.push(`${value.training ? "t" : "e"}${idOf(value)},`);
    if (seen.has(value)) return;
    seen.add(value);
    for (const field of Object.keys(value)) describe((value as unknown as Record<string, unknown>)[field], parts, fields, seen);
  } else if (typeof value === "object" && value !== null) {
    if (value instanceof Parameter) parts.push(value.requiresGrad ? `${value.id},` : `${value.id}f,`);
    else if (value instanceof Tensor) parts.push(describeTensor(value, fields));
    else if (Array.isArray(value)) for (const v of value) describe(v, parts, fields, seen);
    else if (value instanceof Map) for (const v of value.values()) describe(v, parts, fields, seen);
  }
}

let nextId = 1;
/** Modules are told apart: one that takes another's place in a field has a forward of its own. */
let idOf: (module: ModuleBase) => number;

/** What forward's graph may assume of a tensor in a field: its dtype and shape, and which fields hold the same one. */
function describeTensor(x: Tensor, fields: Tensor[]): string {
  const known = fields.indexOf(x);
  if (known >= 0) return `=${known},`;
  fields.push(x);
  const s = x.state;
  const hasValues = s.kind === "concrete" || (s.kind === "lazy" && (s.data !== undefined || s.resident !== undefined));
  return hasValues ? `${x.dtype}${s.shape.join()};` : "?,";
}

interface Buffer extends Required<BufferOptions> {
  readonly tensor: Tensor;
}
export interface BufferOptions {
  /** Saved with the weights; default true. */
  readonly persistent?: boolean;
  /** Forward gives it new numbers, see `updateBuffer`; on several workers all take rank 0's after each step. Default false. */
  readonly updated?: boolean;
}

/** Everything of a module but its call signature: what typed models of the library extend. */
export abstract class ModuleBase extends Callable implements Traceable {
  /** True in training mode: dropout drops. New modules train; pretrained ones come in eval mode. */
  readonly training: boolean = true;
  readonly #buffers = new Map<string, Buffer>();
  readonly #id: number = nextId++;
  static {
    idOf = (module) => module.#id;
  }

  abstract forward(...args: never[]): unknown;

  /** Looks at the arguments of a call outside forward before it is recorded: for errors that name a row of the batch. */
  checkCall(..._args: never[]): void {}

  get traceName(): string {
    return this.constructor.name;
  }

  /** This module's own parameters and modules, by field. */
  *#children(): Generator<readonly [path: string, found: Found]> {
    for (const field of Object.keys(this)) yield* search((this as unknown as Record<string, unknown>)[field], field);
  }

  /** This module and all below it, each once, with their paths. */
  *namedModules(prefix: string = "", seen: Set<ModuleBase> = new Set()): Generator<readonly [name: string, module: ModuleBase]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [path, found] of this.#children()) {
      if (found.kind === "module") yield* found.value.namedModules(prefix ? `${prefix}.${path}` : path, seen);
    }
  }
  /** This module and all below it. */
  *modules(): Generator<ModuleBase> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Parameters with their paths through fields, arrays and maps, each once: a tied one under its first name. */
  *namedParameters(): Generator<readonly [name: string, parameter: Parameter]> {
    const seen = new Set<Parameter>();
    for (const [prefix, module] of this.namedModules()) {
      for (const [path, found] of module.#children()) {
        if (found.kind !== "parameter" || seen.has(found.value)) continue;
        seen.add(found.value);
        const name = prefix ? `${prefix}.${path}` : path;
        found.value.named(name);
        yield [name, found.value];
      }
    }
  }
  /** All parameters. Iterates anew each time, so that parameters made later are found. */
  parameters(): Iterable<Parameter> {
    const named = () => this.namedParameters();
    return {
      *[Symbol.iterator]() {
        for (const [, parameter] of named()) yield parameter;
      },
    };
  }

  /**
   * Keeps a tensor that belongs to the module but is not trained, and gives it back. Persistent ones are saved with the weights.
   *
   * @example
   * readonly positions = this.registerBuffer("positions", arange(512), { persistent: false });
   */
  registerBuffer<T extends Tensor>(name: string, tensor: T, options: BufferOptions = {}): T {
    if (this.#buffers.has(name)) throw new ArgumentError(`${this.constructor.name} has a buffer ${name} already`);
    const { persistent = true, updated = false } = options;
    if (updated) allowUpdates(tensor);
    this.#buffers.set(name, { tensor, persistent, updated });
    return tensor;
  }
  /** Buffers with their paths. */
  *namedBuffers(options: { persistentOnly?: boolean; updatedOnly?: boolean } = {}): Generator<readonly [name: string, tensor: Tensor]> {
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, buffer] of module.#buffers) {
        if ((buffer.persistent || !options.persistentOnly) && (buffer.updated || !options.updatedOnly))
          yield [prefix ? `${prefix}.${name}` : name, buffer.tensor];
      }
    }
  }

  /** The module itself: parameters are where they are computed with. */
  to(_device: Device): this {
    return this;
  }
  /** Training mode for this module and all below it. */
  train(mode: boolean = true): this {
    for (const module of this.modules()) (module as { training: boolean }).training = mode;
    return this;
  }
  /** Evaluation mode: dropout does nothing. */
  eval(): this {
    return this.train(false);
  }
  /** Freezes (false) or thaws all parameters of this module. */
  requiresGrad(value: boolean): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = value;
    return this;
  }

  /**
   * Writes parameters and persistent buffers into a safetensors file.
   *
   * @example
   * await model.save("model.safetensors");
   */
  save(file: string): Promise<void> {
    return saveModule(this, file);
  }
  /** Reads what `save` wrote into a module of the same structure; AccelerateError ERR_WEIGHTS_MISMATCH names what differs. */
  load(file: string): Promise<void> {
    return loadModule(this, file);
  }

  structure(fields: Tensor[] = []): string {
    const parts: string[] = [];
    describe(this, parts, fields, new Set());
    return parts.join("");
  }

  /** What stands between the parentheses where the module is printed: `in_features=4, out_features=8, bias=True`. */
  extraRepr(): string {
    return "";
  }
  /** The module layer by layer, as torch prints it. */
  override toString(): string {
    return moduleRepr(this, isModule);
  }
  [inspect.custom](depth: number = 0): string {
    return depth < 0 ? `[${this.constructor.name}]` : this.toString();
  }
}
const isModule = (value: unknown): value is ModuleBase => value instanceof ModuleBase;

/**
 * A layer or model of one's own: parameters and modules in fields, and a `forward` over tensors. Calling the instance calls
 * `forward` through the tracer.
 *
 * `forward` runs once per mode, structure of its arguments and pattern of frozen parameters: plain numbers that it reads from fields then
 * stay as they were. Give what changes from call to call as an argument, or keep it in a field as a tensor.
 *
 * @example
 * class Two extends Module {
 *   readonly a = new Linear(4, 8);
 *   readonly b = new Linear(8, 1);
 *   forward(x: Tensor) { return this.b(this.a(x).relu()); }
 * }
 * const y = new Two()(tensor([[1, 2, 3, 4]]));
 */
export abstract class Module extends ModuleBase {}
export interface Module {
  // biome-ignore lint/style/useShorthandFunctionType: merged with the class, which a type cannot be
  (...args: Parameters<this["forward"]>): ReturnType<this["forward"]>;
}
/** Any module of one tensor: for lists of layers. */
export type Layer = ModuleBase & ((x: Tensor) => Tensor);
