// One micro-batch: its loss, and the backward.
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor/index.js";
import type { ComputedLoss, ComputeLossOptions, ModelInputs, TrainableModel, TrainerOutput } from "../options.js";
import type { Trainer } from "../trainer.js";
import { countLabels } from "./batch-samples.js";

/** The loss of what `computeLoss` gave. @throws ArgumentError for what is none */
export function lossOf(computed: ComputedLoss): Tensor {
  const loss = computed instanceof Tensor ? computed : computed?.loss;
  if (loss instanceof Tensor) return loss;
  throw new ArgumentError("computeLoss gave no loss", { code: "ERR_TRAINER_LOSS", hint: "return a tensor, or { loss, outputs }" });
}

/**
 * Forward and backward. Gives this micro-batch's part of the step's loss as a number: nothing of the graph stays.
 *
 * The Accelerator divides a window's gradients by its micro-batches (and workers). A loss that is already divided by what the whole window has is therefore multiplied by their number.
 */
export async function trainingStep(trainer: Trainer, model: TrainableModel, inputs: ModelInputs, numItemsInBatch: number | undefined): Promise<number> {
  if (!model.training) model.train();
  const { accelerator, computeLossFunc, lossIsScaledForGa } = trainer;
  const loss = lossOf(await trainer.computeLoss(model, inputs, { numItemsInBatch }));
  const micro = trainer.currentGradientAccumulationSteps;
  const scaled = lossIsScaledForGa ?? (computeLossFunc !== undefined || numItemsInBatch !== undefined);
  const made = scaled && micro > 1 ? loss.mul(micro) : loss;
  await accelerator.backward(made);
  return (await made.item()) / micro;
}

/** What a model gave, as an object with the loss. A list's first entry is the loss. */
function outputsOf(given: unknown, inputs: ModelInputs): TrainerOutput {
  if (Array.isArray(given))
    return {
      loss: given[0],
      get logits() {
        return given[1];
      },
    };
  if (typeof given === "object" && given !== null && !(given instanceof Tensor)) return given as TrainerOutput;
  if (given instanceof Tensor) return { loss: given as Tensor<0>, logits: given };
  throw new ArgumentError(`the model gave ${given === null ? "null" : typeof given} for a batch of ${Object.keys(inputs).join(", ")}`, {
    code: "ERR_TRAINER_LOSS",
    hint: "its forward must return an object with a loss",
  });
}

/** The loss in what the model gave, without touching its other entries: they would be brought out, too. */
function ownLoss(outputs: TrainerOutput, inputs: ModelInputs): Tensor {
  const { loss } = outputs as { readonly loss?: unknown };
  if (loss instanceof Tensor) return loss;
  const what = loss === undefined || loss === null ? "no loss" : `a loss that is no tensor (${typeof loss})`;
  const others = Object.keys(outputs).filter((name) => name !== "loss");
  throw new ArgumentError(`the model gave ${what} for a batch of ${Object.keys(inputs).join(", ")}, only ${others.join(", ") || "an empty object"}`, {
    code: "ERR_TRAINER_LOSS",
    hint: "batches need labels; or override computeLoss, or give computeLossFunc",
  });
}

/** As transformers' compute_loss: the loss is divided by `numItemsInBatch` where that is known, and counts for all workers together then. */
export async function computeLoss(
  trainer: Trainer,
  model: TrainableModel,
  given: ModelInputs,
  { returnOutputs = false, numItemsInBatch }: ComputeLossOptions,
): Promise<ComputedLoss> {
  const { accelerator, args, computeLossFunc, labelSmoother, traits } = trainer;
  let inputs = given;
  let labels: Tensor | undefined;
  if (labelSmoother || computeLossFunc) {
    const { labels: own, ...others } = given;
    [labels, inputs] = [own, others as ModelInputs];
  }
  const raw: unknown = model(inputs);
  const outputs = outputsOf(raw, inputs);
  let loss: Tensor;
  if (computeLossFunc) loss = await computeLossFunc(outputs, labels, { numItemsInBatch });
  else if (labelSmoother && labels) loss = labelSmoother.loss(outputs, labels, { shiftLabels: traits.shiftsLabels, numItemsInBatch });
  else {
    loss = ownLoss(outputs, inputs);
    if (numItemsInBatch !== undefined && traits.meanOverItems && inputs.labels) {
      const items = await countLabels(inputs.labels, { shifted: traits.shiftsLabels });
      // The mean over no labels is no number: this batch adds nothing.
      loss = items > 0 ? loss.mul(items / numItemsInBatch) : outputs.logits.sum().mul(0);
    }
  }
  if (numItemsInBatch !== undefined && args.averageTokensAcrossDevices && accelerator.numProcesses > 1) loss = loss.mul(accelerator.numProcesses);
  return returnOutputs ? { loss, outputs: raw as TrainerOutput } : loss;
}
