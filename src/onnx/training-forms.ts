// What nodes of a file mean in training, and others' fused ops in ONNX's own.
import { AccelerateError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import type { Value } from "../graph/graph.js";
import type { FormedNode } from "../graph/onnx/instantiate.js";
import { dropout } from "../nn/index.js";
import type { activeTracer } from "../tensor/index.js";

type Tracer = NonNullable<ReturnType<typeof activeTracer>>;

/** Domains whose ops are decomposed: their fused kernels have no gradients, and passes know ONNX's own ops. */
const decomposed: ReadonlySet<string> = new Set(["com.microsoft"]);

/** One forward's view of the nodes of a file. */
export class TrainingForms {
  readonly #tracer: Tracer;
  readonly #training: boolean;

  constructor(tracer: Tracer, training: boolean) {
    this.#tracer = tracer;
    this.#training = training;
  }

  /** For `instantiate`. */
  lower(node: FormedNode): readonly (Value | undefined)[] | undefined {
    if (node.domain === "" && node.op === "Dropout") return this.#dropout(node);
    if (decomposed.has(node.domain)) return this.#decomposed(node);
    return undefined;
  }

  /** A Dropout of the file drops in training mode, with the library's own masks, whatever mode it was exported in. */
  #dropout({ inputs, name }: FormedNode): readonly (Value | undefined)[] {
    const [x, ratio] = inputs as readonly [Value, Value | undefined];
    const p = ratio === undefined ? 0.5 : ratio.constant?.data.length === 1 ? Number(ratio.constant.data[0]) : undefined;
    if (p === undefined)
      throw new AccelerateError("ERR_IMPORT_DROPOUT", `node ${name} (Dropout): its ratio is no constant`, { hint: "export the model with a fixed ratio" });
    // The mask, a second output, belongs to graphs of training: nothing reads it.
    if (!this.#training || p === 0) return [x, undefined];
    return [this.#tracer.valueOf(dropout(this.#tracer.tensorOf(x), { p })), undefined];
  }

  #decomposed({ op, domain, name, inputs, attributes, outputs }: FormedNode): readonly Value[] | undefined {
    const { graph, builder } = this.#tracer;
    const rule = graph.ops.get(op, domain)?.decompose;
    if (!rule) return undefined;
    // Inferred first: what the op cannot take is told by its own name.
    graph.add(op, inputs, attributes, { domain, outputs: outputs.length, ...(builder.scope && { scope: builder.scope }), ...(name && { name }) });
    const node = graph.nodes.pop()!;
    const b = new Builder(graph, { scope: node.name });
    for (const input of graph.inputs) b.source(input);
    return rule({ b, node, inputs });
  }
}
