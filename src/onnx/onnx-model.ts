// A model of an ONNX file as a module: its graph is laid into every forward anew, with the sizes of that call.
import { AccelerateError, ArgumentError, ShapeError } from "../errors.js";
import type { Dim } from "../graph/dims.js";
import type { Graph, Value } from "../graph/graph.js";
import { instantiate } from "../graph/onnx/instantiate.js";
import type { OnnxSource, SourceInput } from "../graph/onnx/source.js";
import { meet } from "../graph/ops/common.js";
import { ModuleBase } from "../nn/index.js";
import { activeTracer, type Parameter, Tensor } from "../tensor/index.js";
import type { OriginalFile } from "./original-file.js";
import { summaryOf } from "./summary.js";
import { TrainingForms } from "./training-forms.js";

/** Tensors by name: by the given names where these are known to the type checker. */
export type Named<N> = N extends readonly string[] ? { readonly [K in N[number]]: Tensor } : { readonly [name: string]: Tensor };

/** What `importOnnx` found in a file. */
export interface ImportedFile {
  /** For messages and the summary. */
  readonly file: string;
  /** Without the tensors that are parameters or buffers. */
  readonly source: OnnxSource;
  readonly inputs: readonly SourceInput[];
  readonly outputs: readonly string[];
  /** By the names that the file has for them; tied ones have several. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Tensors that are the transpose of a parameter, with its name. */
  readonly turned: ReadonlyMap<string, string>;
  readonly buffers: ReadonlyMap<string, Tensor>;
  /** What is left of the files without their numbers. */
  readonly copies: { readonly model: OriginalFile; readonly beside: ReadonlyMap<string, OriginalFile> };
}

/** Sizes that the file fixes, and those that it gives one name, must be so at a call. */
function checkSizes(graph: Graph, given: ReadonlyMap<SourceInput, Value>, file: string): void {
  const { env } = graph;
  const named = new Map<string, { readonly dim: Dim; readonly of: string }>();
  for (const [{ name, dims }, { shape }] of given) {
    for (const [axis, declared] of dims.entries()) {
      if (declared === undefined) continue;
      const first = typeof declared === "string" ? named.get(declared) : { dim: declared, of: "" };
      if (first === undefined) named.set(declared as string, { dim: shape[axis]!, of: name });
      else if (meet(env, first.dim, shape[axis]!) === undefined)
        throw new ShapeError(
          `${file} takes ${name} with ${first.of ? `as many elements in dim ${axis} as ${first.of} has (${declared})` : `${declared} elements in dim ${axis}`}, not ${env.show(shape)}`,
          first.of ? {} : { hint: "it was exported for this size alone; export it with a dynamic one" },
        );
    }
  }
}

/**
 * A model that was read from an ONNX file. It is called with the file's inputs by name, and gives its outputs by name. Its parameters have the names of the file's initializers.
 *
 * @example
 * const model = await importOnnx("model.onnx", { inputs: ["pixels"], outputs: ["logits"] });
 * const { logits } = model({ pixels });
 */
export class OnnxModel<I = { readonly [name: string]: Tensor }, O = { readonly [name: string]: Tensor }> extends ModuleBase {
  readonly #imported: ImportedFile;

  /** @internal */
  constructor(imported: ImportedFile) {
    super();
    this.#imported = imported;
    // Fields under the file's own names make the paths of parameters what they are called there. A name that a module has already gets a mark.
    const fields = this as unknown as Record<string, Parameter | Tensor>;
    for (const [name, value] of [...imported.parameters, ...imported.buffers]) {
      let field = name;
      while (field in this) field += "_";
      Object.defineProperty(fields, field, { value, writable: true, enumerable: true, configurable: true });
      if (imported.buffers.has(name)) this.registerBuffer(name, value as Tensor, { updated: true });
    }
  }

  forward(inputs: I): O {
    const tracer = activeTracer();
    if (!tracer) throw new AccelerateError("ERR_TRACE_NONE", "forward is not called by itself", { hint: "call the model: model({ ... })" });
    const { source, file, outputs, parameters, turned, buffers } = this.#imported;
    const declared = new Map<SourceInput, Value>();
    for (const [input, tensor] of this.#match(inputs)) declared.set(input, tracer.valueOf(tensor));
    checkSizes(tracer.graph, declared, file);
    const given = new Map<string, Value>([...declared].map(([{ name }, value]) => [name, value]));
    for (const [name, tensor] of [...parameters, ...buffers]) given.set(name, tracer.valueOf(tensor));
    for (const [name, of] of turned) given.set(name, tracer.builder.transpose(given.get(of)!, [1, 0]));
    const forms = new TrainingForms(tracer, this.training, new Map([...buffers].map(([name, tensor]) => [given.get(name)!, tensor])));
    const values = instantiate(source, tracer.graph, { given, wanted: outputs, scope: tracer.builder.scope, fold: true, lower: (node) => forms.lower(node) });
    return Object.fromEntries(outputs.map((name) => [name, tracer.tensorOf(values.get(name)!)])) as O;
  }

  /** The tensors of a call by the inputs that they are for. */
  *#match(inputs: I): Generator<readonly [SourceInput, Tensor]> {
    const { file, inputs: declared } = this.#imported;
    const given = new Map<string, unknown>(typeof inputs === "object" && inputs !== null && !(inputs instanceof Tensor) ? Object.entries(inputs) : []);
    const names = declared.map(({ name }) => name);
    const hint = `call it with { ${names.join(", ")} }`;
    const unknown = [...given.keys()].filter((name) => !names.includes(name));
    const missing = names.filter((name) => !(given.get(name) instanceof Tensor));
    if (unknown.length > 0 || missing.length > 0) {
      const what = [missing.length > 0 && `no tensor ${missing.join(", ")}`, unknown.length > 0 && `${unknown.join(", ")}, which it does not read`];
      throw new ArgumentError(`${file} was given ${what.filter(Boolean).join(", and ")}`, { code: "ERR_IMPORT_INPUT", hint });
    }
    for (const input of declared) {
      const tensor = given.get(input.name) as Tensor;
      if (tensor.dtype !== input.dtype)
        throw new ArgumentError(`${file} takes ${input.name} as ${input.dtype}, not ${tensor.dtype}`, {
          code: "ERR_DTYPE",
          hint: `${input.name}.to("${input.dtype}")`,
        });
      if (tensor.rank !== input.dims.length) throw new ShapeError(`${file} takes ${input.name} with ${input.dims.length} dims, not ${tensor.rank}`);
      yield [input, tensor];
    }
  }

  /** Inputs, outputs, parameters (trainable or not) and the ops that no gradient rule is known for, as text. */
  summary(): string {
    return summaryOf(this.#imported);
  }

  /** @internal The files that it was read from, with the numbers of now. */
  get original(): ImportedFile {
    return this.#imported;
  }

  override extraRepr(): string {
    const { file, inputs, outputs } = this.#imported;
    return `${file}: ${inputs.map(({ name }) => name).join(", ")} -> ${outputs.join(", ")}`;
  }
}
export interface OnnxModel<I, O> {
  // biome-ignore lint/style/useShorthandFunctionType: merged with the class, which a type cannot be
  (inputs: I): O;
}
