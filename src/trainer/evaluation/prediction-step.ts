// One batch of an evaluation: its loss, what the model gave beside it, and the labels. Nothing is computed here: the tensors are recorded.
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor/index.js";
import type { ModelInputs, TrainableModel } from "../options.js";
import { getBatchSamples } from "../training/batch-samples.js";
import { lossOf } from "../training/step.js";
import type { Trainer } from "../trainer.js";
import type { Predictions } from "./eval-prediction.js";
import type { PredictionStepOptions, PredictionStepOutput } from "./types.js";

/** Outputs that no evaluation wants, unless the config says which. */
const ignoredByDefault: readonly string[] = ["past_key_values"];

function ignoredKeys(model: TrainableModel): readonly string[] {
  const { config } = model as { readonly config?: { readonly keys_to_ignore_at_inference?: unknown } };
  const keys = config?.keys_to_ignore_at_inference;
  return Array.isArray(keys) ? (keys as readonly string[]) : ignoredByDefault;
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};
/** Whether a value is made of tensors; null, texts and objects of a model's own are no predictions. */
export function isPredictions(value: unknown): value is Predictions {
  if (value instanceof Tensor) return true;
  if (typeof value !== "object" || value === null) return false;
  if (!Array.isArray(value) && !isPlain(value)) return false;
  const items: unknown[] = Object.values(value);
  return items.length > 0 && items.every(isPredictions);
}

/** Of one thing the thing itself. */
const oneOrAll = (values: readonly Predictions[]): Predictions | undefined => (values.length > 1 ? values : values[0]);

/** What a model gave but for the loss. Only what is kept is touched: the rest is not computed. */
function logitsOf(outputs: unknown, ignored: readonly string[], loss?: Tensor): Predictions | undefined {
  if (outputs instanceof Tensor) return outputs === loss ? undefined : outputs;
  if (Array.isArray(outputs)) return oneOrAll((loss ? outputs.slice(1) : outputs).filter(isPredictions));
  const left = new Set([...ignored, ...(loss ? ["loss"] : [])]);
  const keys = Object.keys(outputs as object).filter((key) => !left.has(key));
  return oneOrAll(keys.map((key) => (outputs as Readonly<Record<string, unknown>>)[key]).filter(isPredictions));
}

async function* one(inputs: ModelInputs): AsyncGenerator<ModelInputs, void, undefined> {
  yield inputs;
}

/** The outputs that a loss came with. @throws ArgumentError where predictions are asked for and there are none */
function outputsOf(computed: unknown): unknown {
  const { outputs } = computed as { readonly outputs?: unknown };
  if (!(computed instanceof Tensor) && outputs !== undefined) return outputs;
  throw new ArgumentError("computeLoss gave a loss alone, and predictions are asked for", {
    code: "ERR_TRAINER_LOSS",
    hint: "return { loss, outputs } from your computeLoss, or set predictionLossOnly",
  });
}

/** As transformers' prediction_step. */
export async function predictionStep(
  trainer: Trainer,
  model: TrainableModel,
  inputs: ModelInputs,
  { predictionLossOnly, ignoreKeys = ignoredKeys(model) }: PredictionStepOptions,
): Promise<PredictionStepOutput> {
  const { labelNames } = trainer;
  const hasLabels = labelNames.length > 0 && labelNames.every((name) => inputs[name] !== undefined && inputs[name] !== null);
  if (!hasLabels) {
    if (predictionLossOnly) return { loss: undefined, logits: undefined, labels: undefined };
    return { loss: undefined, logits: logitsOf(model(inputs), ignoreKeys), labels: undefined };
  }
  const labels = oneOrAll(labelNames.map((name) => inputs[name]!));
  const { numItemsInBatch } = await getBatchSamples(trainer, one(inputs), 1);
  const computed = await trainer.computeLoss(model, inputs, { returnOutputs: true, numItemsInBatch });
  const loss = lossOf(computed);
  const mean = loss.rank > 0 ? loss.mean() : loss;
  if (predictionLossOnly) return { loss: mean, logits: undefined, labels: undefined };
  return { loss: mean, logits: logitsOf(outputsOf(computed), ignoreKeys, loss), labels };
}
