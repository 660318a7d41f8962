// Parameter groups: lists of parameters with their own hyperparameters, which may fill in after the optimizer was made.
import { ArgumentError } from "../errors.js";
import { Parameter, parameterChanges } from "../tensor/index.js";

/** What every optimizer has per group. `lr` may be changed between steps; schedulers do. */
export interface Hyperparameters {
  lr: number;
}

/** Parameters with hyperparameters that differ from the optimizer's. */
export type ParamGroup<O = { readonly lr?: number; readonly weightDecay?: number }> = O & { readonly params: Iterable<Parameter> };

/** What an optimizer is made of: parameters, or groups of them. Module.parameters() may still grow: lazy layers are found at the step after their first call. */
export type Params<O = { readonly lr?: number; readonly weightDecay?: number }> = Iterable<Parameter> | Iterable<ParamGroup<O>>;

/** A group as an optimizer keeps it. */
export type GroupState<H extends Hyperparameters = Hyperparameters> = H & {
  /** The parameters found so far. */
  readonly params: readonly Parameter[];
  /** The learning rate that a scheduler multiplies; set by the first scheduler. */
  initialLr?: number;
};

const isGroup = (item: unknown): item is ParamGroup<object> => typeof item === "object" && item !== null && !(item instanceof Parameter) && "params" in item;

const describe = (value: unknown): string => (typeof value === "object" && value !== null ? (value.constructor?.name ?? "an object") : String(value));

/** A list that is read again at each step, where it can be: a generator that was handed over can be read once only. */
class ParameterList {
  readonly #source: Iterable<Parameter>;
  readonly #live: boolean;
  list: readonly Parameter[] = [];

  constructor(source: Iterable<Parameter>) {
    if (typeof source?.[Symbol.iterator] !== "function")
      throw new ArgumentError(`params is ${describe(source)}`, { hint: "give model.parameters(), an array of Parameters, or groups { params, lr, ... }" });
    this.#live = (source[Symbol.iterator]() as unknown) !== source;
    this.#source = source;
    this.read();
  }
  /** True when the list is not what it was. */
  read(): boolean {
    if (!this.#live && this.list.length > 0) return false;
    const now = [...this.#source];
    if (now.length === this.list.length && now.every((p, i) => p === this.list[i])) return false;
    for (const p of now)
      if (!(p instanceof Parameter)) throw new ArgumentError(`an optimizer takes Parameters, not ${describe(p)}`, { hint: "give model.parameters()" });
    this.list = now;
    return true;
  }
}

/** All groups of an optimizer. */
export class Groups<H extends Hyperparameters> {
  readonly states: readonly GroupState<H>[];
  readonly #lists: readonly ParameterList[];
  #readAt = -1;
  #checked = false;

  constructor(params: Params<Partial<H>>, defaults: H) {
    if (typeof params?.[Symbol.iterator] !== "function")
      throw new ArgumentError(`params is ${describe(params)}`, { hint: "give model.parameters(), an array of Parameters, or groups { params, lr, ... }" });
    const groups = Array.isArray(params) && params.some(isGroup) ? (params as ParamGroup<Partial<H>>[]) : undefined;
    if (Array.isArray(params) && params.length === 0) throw new ArgumentError("optimizer got an empty parameter list", { code: "ERR_OPTIMIZER_PARAMS" });
    const sources = groups ?? [{ params: params as Iterable<Parameter> } as ParamGroup<Partial<H>>];
    const mixed = sources.find((g) => !isGroup(g));
    if (mixed)
      throw new ArgumentError("parameters and groups are mixed in one list", {
        code: "ERR_OPTIMIZER_PARAMS",
        hint: "put the parameters into a group { params: [...] }",
      });
    this.#lists = sources.map((g) => new ParameterList(g.params));
    this.states = sources.map(({ params: _, ...own }, i) => {
      const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
      const list = this.#lists[i]!;
      return Object.defineProperty({ ...defaults, ...given }, "params", { enumerable: true, get: () => list.list }) as unknown as GroupState<H>;
    });
    this.#check();
  }

  /** Reads the lists again: always, or (a walk over a model's modules takes a while) only when parameters have been made since. */
  refresh(options: { readonly always?: boolean } = {}): void {
    const made = parameterChanges("made");
    if (made === this.#readAt && !options.always) return;
    for (const list of this.#lists) if (list.read()) this.#checked = false;
    if (!this.#checked) this.#check();
    this.#readAt = made;
  }

  /** A step needs something to update. */
  requireAny(): void {
    if (this.#lists.every((l) => l.list.length === 0)) {
      throw new ArgumentError("optimizer got an empty parameter list", {
        code: "ERR_OPTIMIZER_PARAMS",
        hint: "the model has no parameters; a generator can be read once only, so pass model.parameters() itself",
      });
    }
  }

  #check(): void {
    const seen = new Map<Parameter, number>();
    for (const [i, list] of this.#lists.entries()) {
      for (const p of list.list) {
        const before = seen.get(p);
        if (before !== undefined) {
          const where = before === i ? `appears twice in group ${i}` : `appears in group ${before} and in group ${i}`;
          throw new ArgumentError(`parameter ${p.name || "(unnamed)"} ${where}`, {
            code: "ERR_OPTIMIZER_PARAMS",
            hint: "some parameters appear more than once; give each to one group only",
          });
        }
        seen.set(p, i);
      }
    }
    this.#checked = true;
  }

  /** Every parameter once, by name. */
  named(): Map<string, Parameter> {
    const names = new Map<string, Parameter>();
    for (const list of this.#lists) {
      for (const p of list.list) {
        if (p.name === "")
          throw new ArgumentError(`a parameter of shape [${p.shape.join(", ")}] has no name, so its state cannot be saved`, {
            code: "ERR_OPTIMIZER_NAMES",
            hint: "make it a field of a Module and take parameters from module.parameters()",
          });
        if (names.has(p.name))
          throw new ArgumentError(`two parameters are called ${p.name}, so their states cannot be told apart`, {
            code: "ERR_OPTIMIZER_NAMES",
            hint: "put the modules into one Module and take the parameters from it",
          });
        names.set(p.name, p);
      }
    }
    return names;
  }
}
