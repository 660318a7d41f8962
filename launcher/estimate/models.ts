// Model folders: the model's own class, traced and differentiated as a training program would.
import { join } from "node:path";
import { AccelerateError } from "../../src/errors.js";
import { sizeOf } from "../../src/graph/dtype.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { BertForTokenClassification } from "../../src/models/bert/for-token-classification.js";
import { BertModel } from "../../src/models/bert/model.js";
import { DistilBertForSequenceClassification } from "../../src/models/distilbert/for-sequence-classification.js";
import { DistilBertForTokenClassification } from "../../src/models/distilbert/for-token-classification.js";
import { DistilBertModel } from "../../src/models/distilbert/model.js";
import { GPT2ForSequenceClassification } from "../../src/models/gpt2/for-sequence-classification.js";
import { GPT2LMHeadModel } from "../../src/models/gpt2/lm-head.js";
import { GPT2Model } from "../../src/models/gpt2/model.js";
import { configName, readConfig } from "../../src/models/loading/config.js";
import { RobertaForSequenceClassification } from "../../src/models/roberta/for-sequence-classification.js";
import { RobertaForTokenClassification } from "../../src/models/roberta/for-token-classification.js";
import { RobertaModel } from "../../src/models/roberta/model.js";
import type { Architecture } from "../../src/models/shared/architecture.js";
import type { PreTrainedModelBase } from "../../src/models/shared/pretrained-model.js";
import { type ClassifierConfig, problemTypeOf } from "../../src/models/shared/task-loss.js";
import type { ModuleBase } from "../../src/nn/index.js";
import { recordedGraph } from "../../src/tensor/recorded-graph.js";
import { fromData, type Tensor, zeros } from "../../src/tensor/index.js";
import { UsageError } from "../usage.js";
import type { Layer, StepMode, StepSizes, Subject } from "./subject.js";

const int64 = (...shape: number[]): Tensor => zeros(shape, { dtype: "int64" });

/** Ones, then zeros: rows of lengths that are spread evenly around the part that is filled. */
function maskOf({ batchSize: B, sequenceLength: S, filled = 1 }: StepSizes): Tensor {
  const spread = Math.min(filled, 1 - filled);
  const length = (row: number): number => Math.max(1, Math.round(S * (filled + spread * (B > 1 ? (2 * row) / (B - 1) - 1 : 0))));
  const data = new BigInt64Array(B * S);
  for (let row = 0; row < B; row++) data.fill(1n, row * S, row * S + Math.min(S, length(row)));
  return fromData(data, [B, S], "int64");
}

/** What a model's labels are for. */
type Task = "none" | "sequences" | "tokens";
interface Family {
  /** Classes that Python does not split over devices: transformers' `_no_split_modules`. */
  readonly whole: readonly string[];
  /** int64 buffers of Python's embeddings with an entry per position, which ours do not have. */
  readonly positionBuffers: number;
  /** The model without a head comes first: it is taken where a config names none of the others. */
  readonly classes: readonly (readonly [architecture: Architecture<PreTrainedModelBase>, task: Task])[];
}

const families: Readonly<Record<string, Family>> = {
  bert: {
    whole: ["BertEmbeddings", "BertLayer"],
    positionBuffers: 2,
    classes: [
      [BertModel.architecture, "none"],
      [BertForSequenceClassification.architecture, "sequences"],
      [BertForTokenClassification.architecture, "tokens"],
    ],
  },
  roberta: {
    whole: ["RobertaEmbeddings", "BertLayer"],
    positionBuffers: 2,
    classes: [
      [RobertaModel.architecture, "none"],
      [RobertaForSequenceClassification.architecture, "sequences"],
      [RobertaForTokenClassification.architecture, "tokens"],
    ],
  },
  distilbert: {
    whole: [],
    positionBuffers: 1,
    classes: [
      [DistilBertModel.architecture, "none"],
      [DistilBertForSequenceClassification.architecture, "sequences"],
      [DistilBertForTokenClassification.architecture, "tokens"],
    ],
  },
  gpt2: {
    whole: ["GPT2Block"],
    positionBuffers: 0,
    classes: [
      [GPT2Model.architecture, "none"],
      [GPT2LMHeadModel.architecture, "tokens"],
      [GPT2ForSequenceClassification.architecture, "sequences"],
    ],
  },
};

/** Labels as the task, and the config's kind of problem, have them. */
function labelsOf(task: Task, config: ClassifierConfig, { batchSize: B, sequenceLength: S }: StepSizes): Tensor {
  const classes = task === "tokens" ? int64(B, S) : int64(B);
  const kind = problemTypeOf(config, classes);
  if (task === "tokens" || kind === "single_label_classification") return classes;
  return kind === "regression" && config.num_labels === 1 ? zeros([B]) : zeros([B, config.num_labels]);
}

interface Output {
  readonly loss?: Tensor;
  readonly logits?: Tensor;
  readonly pooler_output?: Tensor;
  readonly last_hidden_state?: Tensor;
}
/** The tensor behind which a step lies. */
function resultOf(model: PreTrainedModelBase, task: Task, sizes: StepSizes, mode: StepMode): Tensor {
  const training = mode === "training";
  const { batchSize: B, sequenceLength: S } = sizes;
  const inputs = { input_ids: int64(B, S), attention_mask: maskOf(sizes), ...(model.config.model_type === "gpt2" ? {} : { token_type_ids: int64(B, S) }) };
  const call = model.train(training) as unknown as (batch: object) => Output;
  if (task !== "none") return training ? call({ ...inputs, labels: labelsOf(task, model.config, sizes) }).loss! : call(inputs).logits!;
  const output = call(inputs);
  const result = output.pooler_output ?? output.last_hidden_state!;
  return training ? result.mean() : result;
}

const bytesOf = (module: ModuleBase): number => [...module.parameters()].reduce((sum, p) => sum + p.values().byteLength, 0);

/** Modules that have none below them, or are not split; Python's rule. */
function layersOf(model: ModuleBase, { whole }: Family, buffers: number): Layer[] {
  const all = [...model.namedModules()];
  const inside = (path: string, outer: string): boolean => path !== outer && (outer === "" || path.startsWith(`${outer}.`));
  const kept = all.filter(([, module]) => whole.includes(module.traceName));
  const layers = all.filter(([path, module]) => {
    if (kept.some(([outer]) => inside(path, outer))) return false;
    return whole.includes(module.traceName) || !all.some(([inner]) => inside(inner, path));
  });
  const found = layers.map(([name, module]) => ({ name, bytes: bytesOf(module), pythonBuffers: module.traceName.endsWith("Embeddings") ? buffers : 0 }));
  // Where the embeddings are split, their buffers are no part of any layer.
  const told = found.some(({ pythonBuffers }) => pythonBuffers > 0);
  return told ? found : [...found, { name: "buffers of the embeddings", bytes: 0, pythonBuffers: buffers }];
}

/** @throws ConfigError, or AccelerateError ERR_MODEL_TYPE for a model that the library does not have */
export async function modelSubject(folder: string): Promise<Subject> {
  const raw = await readConfig(folder);
  const family = Object.hasOwn(families, raw.model_type) ? families[raw.model_type] : undefined;
  if (!family)
    throw new AccelerateError("ERR_MODEL_TYPE", `${folder}: the library has no model of model_type "${raw.model_type}"`, {
      hint: `there is one for ${Object.keys(families).join(", ")}; of others, give the .safetensors or .onnx file itself`,
    });
  const named: readonly unknown[] = Array.isArray(raw.architectures) ? raw.architectures : [];
  const [architecture, task] = family.classes.slice(1).find(([{ name }]) => named.includes(name)) ?? family.classes[0]!;
  const config = architecture.config(raw, join(folder, configName));
  const model = architecture.make(config);
  const positions = config.max_position_embeddings as number;
  // RoBERTa's tokens begin behind the padding's position.
  const maxLength = config.model_type === "roberta" ? positions - Number(config.pad_token_id) - 1 : positions;
  return {
    name: model.traceName,
    source: folder,
    weights: [...model.namedParameters()].map(([name, { shape, dtype }]) => ({ name, shape, dtype, elements: sizeOf(shape), bytes: sizeOf(shape) * 4 })),
    layers: layersOf(model, family, 8 * family.positionBuffers * positions),
    loss: task !== "none" ? "its own" : `the mean of the ${"pooler" in model ? "pooled output" : "last hidden state"}`,
    step: (sizes, mode, compiler) => {
      if (sizes.sequenceLength > maxLength)
        throw new UsageError(`--sequence-length ${sizes.sequenceLength}: the model has ${maxLength} positions (max_position_embeddings)`);
      return recordedGraph(resultOf(model, task, sizes, mode), { backward: mode === "training", ...(compiler && { compiler }) });
    },
  };
}
