// Saves a model from several workers: a pretrained one and a user's own.
import { Accelerator } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { Linear } from "accelerate-ts/nn";
import { existsSync } from "node:fs";

await using accelerator = new Accelerator();
const [folder] = process.argv.slice(2);
const bert = new BertForSequenceClassification(
  bertConfig({ vocab_size: 30, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8 }),
);
const own = new Linear(2, 2);
await accelerator.prepare(bert, own);
await accelerator.saveModel(bert, `${folder}/bert`);
await accelerator.saveModel(own, `${folder}/own`);
// Written when the call returns, on every worker.
for (const file of ["bert/config.json", "bert/model.safetensors", "own/model.safetensors"]) if (!existsSync(`${folder}/${file}`)) throw new Error(`no ${file}`);
const again = await BertForSequenceClassification.fromPretrained(`${folder}/bert`);
for (const [name, p] of again.namedParameters()) {
  const [, other] = [...bert.namedParameters()].find(([n]) => n === name)!;
  if (!p.values().every((v, i) => v === other.values()[i])) throw new Error(`${name} differs`);
}
