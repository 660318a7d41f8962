// TrainingArguments' activationCheckpointing: the same training, with the model's layers computed again in the backward pass.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Trainer } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

async function losses(options: object) {
  const model = tinyBert({ dropout: 0.2 });
  const args = quietArguments(temporaryFolder("checkpointing"), { maxSteps: 4, loggingSteps: 1, ...options });
  const trainer = new Trainer({ model, args, trainDataset: tinyDataset(16), dataCollator: tinyCollate });
  await trainer.train();
  return { losses: trainer.state.logHistory.flatMap(({ loss }) => (typeof loss === "number" ? [loss] : [])), on: model.isGradientCheckpointing };
}

test("activationCheckpointing and its old name turn the model's on, and change no loss", async () => {
  const plain = await losses({});
  assert.equal(plain.on, false);
  assert.equal(plain.losses.length, 4);
  for (const name of ["activationCheckpointing", "gradientCheckpointing"]) {
    const with_ = await losses({ [name]: true });
    assert.equal(with_.on, true, name);
    for (const [i, loss] of with_.losses.entries()) assert.ok(Math.abs(loss - plain.losses[i]!) < 1e-5, `${name}: step ${i}: ${loss} and ${plain.losses[i]}`);
  }
});
