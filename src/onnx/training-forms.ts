// What nodes of a file mean in training.
import { AccelerateError } from "../errors.js";
import type { Value } from "../graph/graph.js";
import type { FormedNode } from "../graph/onnx/instantiate.js";
import { dropout } from "../nn/index.js";
import type { activeTracer } from "../tensor/index.js";

type Tracer = NonNullable<ReturnType<typeof activeTracer>>;

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
}
