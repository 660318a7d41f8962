// Metrics of one's own, and what a subclass of the Trainer changes of an evaluation.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Tensor, tensor } from "accelerate-ts";
import {
  type EvalPrediction,
  type EvaluationLoopOptions,
  type ModelInputs,
  type PredictionStepOptions,
  type Predictions,
  type TrainableModel,
  Trainer,
} from "accelerate-ts/trainer";
import { tinyBert } from "./support.js";
import { args, collated, floats, giving, made, options, silent } from "./tiny-evaluations.js";

describe("metrics", () => {
  it("may be tensors of one number and wide integers; other things than names are refused", async () => {
    const { eval_a, eval_b, eval_c } = await made({ computeMetrics: () => ({ a: tensor(2.5), b: 3n, c: Number.NaN }) as never }).evaluate();
    assert.deepEqual([eval_a, eval_b, eval_c], [2.5, 3, Number.NaN]);
    for (const given of [undefined, 3, [1], tensor([1])])
      await assert.rejects(made({ computeMetrics: (() => given) as never }).evaluate(), { code: "ERR_METRIC_VALUES" });
  });
  it("that fail end the evaluation with their own error, and the next one runs", async () => {
    let fails = true;
    const trainer = made({
      computeMetrics: () => {
        if (fails) throw new RangeError("mine");
        return { fine: 1 };
      },
    });
    await assert.rejects(trainer.evaluate(), { name: "RangeError", message: "mine" });
    fails = false;
    assert.equal((await trainer.evaluate()).eval_fine, 1);
  });
  it("are given the inputs that the model names", async () => {
    const seen: Predictions[] = [];
    const computeMetrics = ({ inputs }: EvalPrediction) => {
      seen.push(inputs!);
      return {};
    };
    await made({ computeMetrics }, { includeForMetrics: ["inputs"] }).evaluate();
    assert.deepEqual((seen[0] as Tensor).shape[0], 10);
    const model = giving((y, l) => ({ loss: y.mean().add(l!.to("float32").mean()), logits: y }));
    await assert.rejects(made({ model, ...collated, evalDataset: floats(2), computeMetrics }, { includeForMetrics: ["inputs"] }).evaluate(), /mainInputName/);
  });
});

describe("overrides count", () => {
  it("of the step, of the loop, and of the loss", async () => {
    const calls: string[] = [];
    class Own extends Trainer {
      override async predictionStep(model: TrainableModel, inputs: ModelInputs, more: PredictionStepOptions) {
        calls.push("step");
        return super.predictionStep(model, inputs, more);
      }
      override async evaluationLoop(loader: Parameters<Trainer["evaluationLoop"]>[0], more: EvaluationLoopOptions) {
        calls.push(more.description);
        return super.evaluationLoop(loader, more);
      }
      override async computeLoss(model: TrainableModel, inputs: ModelInputs) {
        calls.push("loss");
        return model(inputs).loss.mul(2);
      }
    }
    const wanted = await made({}).evaluate();
    const own = silent(new Own({ ...options, model: tinyBert(), args: args() }));
    const { eval_loss } = await own.evaluate();
    assert.ok(Math.abs(eval_loss! - 2 * wanted.eval_loss!) < 1e-6);
    assert.deepEqual(calls, ["Evaluation", ...Array<string[]>(3).fill(["step", "loss"]).flat()]);
    await assert.rejects(own.predict(options.evalDataset), { code: "ERR_TRAINER_LOSS", message: /return \{ loss, outputs \}/ });
  });
  it("and a loop that ends early leaves the Trainer ready for the next", async () => {
    let most = 1;
    class Short extends Trainer {
      override async predictionStep(model: TrainableModel, inputs: ModelInputs, more: PredictionStepOptions) {
        if (--most < 0) throw new Error("enough");
        return super.predictionStep(model, inputs, more);
      }
    }
    const trainer = silent(new Short({ ...options, model: tinyBert(), args: args() }));
    await assert.rejects(trainer.evaluate(), /enough/);
    most = 10;
    assert.ok((await trainer.evaluate()).eval_loss! > 0);
  });
});
