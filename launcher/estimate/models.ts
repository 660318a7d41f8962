// Model folders: the model's own class, traced and differentiated as a training program would.
import { join } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import { sizeOf } from "../../src/graph/dtype.js";
import { BertModel } from "../../src/models/bert/model.js";
import type { BertConfig } from "../../src/models/bert/config.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { configName, readConfig } from "../../src/models/loading/config.js";
import { problemTypeOf } from "../../src/models/shared/task-loss.js";
import type { ModuleBase } from "../../src/nn/index.js";
import { recordedGraph } from "../../src/tensor/recorded-graph.js";
import { type Tensor, zeros } from "../../src/tensor/index.js";
import { UsageError } from "../usage.js";
import type { Layer, StepMode, StepSizes, Subject } from "./subject.js";

const int64 = (...shape: number[]): Tensor => zeros(shape, { dtype: "int64" });

/** A model that can be asked for its step. */
interface Made {
  readonly model: ModuleBase;
  readonly loss: string;
  readonly maxLength: number;
  /** Bytes of buffers that Python's modules keep and ours do not, by class. */
  readonly pythonBuffers: Readonly<Record<string, number>>;
  /** The tensor behind which the step lies. */
  result(sizes: StepSizes, mode: StepMode): Tensor;
}
interface Family {
  /** Classes that Python does not split over devices: transformers' `_no_split_modules`. */
  readonly whole: readonly string[];
  make(raw: Readonly<Record<string, unknown>>, file: string): Made;
}

const encoderInputs = ({ batchSize: B, sequenceLength: S }: StepSizes) => ({
  input_ids: int64(B, S),
  attention_mask: int64(B, S),
  token_type_ids: int64(B, S),
});

/** Labels as the config's kind of problem has them. */
function labelsOf(config: BertConfig, B: number): Tensor {
  const classes = int64(B);
  const kind = problemTypeOf(config, classes);
  if (kind === "single_label_classification") return classes;
  return kind === "regression" && config.num_labels === 1 ? zeros([B]) : zeros([B, config.num_labels]);
}

const bert: Family = {
  whole: ["BertEmbeddings", "BertLayer"],
  make: (raw, file) => {
    const classifies = Array.isArray(raw.architectures) && raw.architectures.includes("BertForSequenceClassification");
    const architecture = classifies ? BertForSequenceClassification.architecture : BertModel.architecture;
    const config = architecture.config(raw, file);
    const model = architecture.make(config);
    // position_ids and token_type_ids: [1, positions] int64 each.
    const pythonBuffers = { BertEmbeddings: 2 * 8 * config.max_position_embeddings };
    const result = (sizes: StepSizes, mode: StepMode): Tensor => {
      model.train(mode === "training");
      const inputs = encoderInputs(sizes);
      if (model instanceof BertModel) return mode === "training" ? model(inputs).pooler_output.mean() : model(inputs).pooler_output;
      return mode === "training" ? model({ ...inputs, labels: labelsOf(config, sizes.batchSize) }).loss : model(inputs).logits;
    };
    return { model, loss: classifies ? "its own" : "the mean of the pooled output", maxLength: config.max_position_embeddings, pythonBuffers, result };
  },
};
const families: Readonly<Record<string, Family>> = { bert };

const bytesOf = (module: ModuleBase): number => [...module.parameters()].reduce((sum, p) => sum + p.values().byteLength, 0);

/** Modules that have none below them, or are not split; Python's rule. */
function layersOf(model: ModuleBase, whole: readonly string[], buffers: Readonly<Record<string, number>>): Layer[] {
  const all = [...model.namedModules()];
  const inside = (path: string, outer: string): boolean => path !== outer && (outer === "" || path.startsWith(`${outer}.`));
  const kept = all.filter(([, module]) => whole.includes(module.traceName));
  const layers = all.filter(([path, module]) => {
    if (kept.some(([outer]) => inside(path, outer))) return false;
    return whole.includes(module.traceName) || !all.some(([inner]) => inside(inner, path));
  });
  return layers.map(([name, module]) => ({ name, bytes: bytesOf(module), pythonBuffers: buffers[module.traceName] ?? 0 }));
}

/** @throws ConfigError, or AccelerateError ERR_MODEL_TYPE for a model that the library does not have */
export async function modelSubject(folder: string): Promise<Subject> {
  const raw = await readConfig(folder);
  const family = Object.hasOwn(families, raw.model_type) ? families[raw.model_type] : undefined;
  if (!family)
    throw new AccelerateError("ERR_MODEL_TYPE", `${folder}: the library has no model of model_type "${raw.model_type}"`, {
      hint: `there is one for ${Object.keys(families).join(", ")}; of others, give the .safetensors or .onnx file itself`,
    });
  const { model, loss, maxLength, pythonBuffers, result } = family.make(raw, join(folder, configName));
  return {
    name: model.traceName,
    source: folder,
    weights: [...model.namedParameters()].map(([name, { shape, dtype }]) => ({ name, shape, dtype, elements: sizeOf(shape), bytes: sizeOf(shape) * 4 })),
    layers: layersOf(model, family.whole, pythonBuffers),
    loss,
    step: (sizes, mode) => {
      if (sizes.sequenceLength > maxLength)
        throw new UsageError(`--sequence-length ${sizes.sequenceLength}: the model has ${maxLength} positions (max_position_embeddings)`);
      return recordedGraph(result(sizes, mode), { backward: mode === "training" });
    },
  };
}
