// What nodes of a file mean in training.
import { AccelerateError } from "../errors.js";
import { Builder } from "../graph/builder.js";
import type { FloatAttribute, Value } from "../graph/graph.js";
import type { FormedNode } from "../graph/onnx/instantiate.js";
import { batchNormTraining, runningValue, unbiased } from "../graph/ops/batch-norm-parts.js";
import { dropout, updateBuffer } from "../nn/index.js";
import type { activeTracer, Tensor } from "../tensor/index.js";

type Tracer = NonNullable<ReturnType<typeof activeTracer>>;

/** One forward's view of the nodes of a file. */
export class TrainingForms {
  readonly #tracer: Tracer;
  readonly #training: boolean;
  /** Running statistics, by the values that stand for them. */
  readonly #buffers: ReadonlyMap<Value, Tensor>;

  constructor(tracer: Tracer, training: boolean, buffers: ReadonlyMap<Value, Tensor>) {
    this.#tracer = tracer;
    this.#training = training;
    this.#buffers = buffers;
  }

  /** For `instantiate`. */
  lower(node: FormedNode): readonly (Value | undefined)[] | undefined {
    if (node.domain === "" && node.op === "Dropout") return this.#dropout(node);
    if (node.domain === "" && node.op === "BatchNormalization") return this.#training ? this.#batchNorm(node) : this.#settled(node);
    return undefined;
  }

  /** In evaluation the running statistics are used, also where the file was exported for training. */
  #settled({ inputs, attributes, name }: FormedNode): readonly (Value | undefined)[] {
    const { training_mode: _, ...rest } = attributes;
    const b = this.#builder(name);
    return [b.op("BatchNormalization", inputs, rest), inputs[3], inputs[4]];
  }

  /** In training the batch's own statistics are used, and the running ones move as torch moves them: by the unbiased variance. */
  #batchNorm({ inputs, attributes, name }: FormedNode): readonly (Value | undefined)[] {
    const [x, scale, shift, mean, variance] = inputs as readonly Value[];
    const number = (attribute: string, fallback: number) => (attributes[attribute] as FloatAttribute | undefined)?.float ?? fallback;
    const b = this.#builder(name);
    const batch = batchNormTraining(b, x!, scale, shift, number("epsilon", 1e-5));
    const share = 1 - number("momentum", 0.9);
    const moved = [runningValue(b, mean!, batch.mean, share), runningValue(b, variance!, unbiased(b, batch.variance, x!), share)] as const;
    for (const [i, kept] of [mean!, variance!].entries()) {
      const buffer = this.#buffers.get(kept);
      if (buffer) updateBuffer(buffer, this.#tracer.tensorOf(moved[i]!));
    }
    return [batch.y, ...moved];
  }

  #builder(name: string): Builder {
    const { builder, graph } = this.#tracer;
    return new Builder(graph, { scope: [builder.scope, name].filter(Boolean).join("/") });
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
