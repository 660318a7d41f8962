// d2l.ai 16.7: natural language inference, BERT fine-tuned on SNLI.
//   accelerate-ts launch snli-bert.ts            one worker per GPU, or `node snli-bert.ts`
import { Accelerator, Adam, DataLoader, type Tensor } from "accelerate-ts";
import {
  Animator,
  type BERTModel,
  DATA_HUB,
  DATA_URL,
  SNLIBERTDataset,
  downloadExtract,
  getDataLoaderWorkers,
  loadPretrainedModel,
  readSnli,
  trainCh13,
} from "accelerate-ts/d2l";
import { LazyLinear, Module, crossEntropy } from "accelerate-ts/nn";

DATA_HUB["bert.small"] = [DATA_URL + "bert.small.torch.zip", "c72329e68a732bef0452e4b96a1c341c8910f81f"];

class BERTClassifier extends Module {
  readonly encoder: BERTModel["encoder"];
  readonly hidden: BERTModel["hidden"];
  readonly output = new LazyLinear(3);

  constructor(bert: BERTModel) {
    super();
    this.encoder = bert.encoder; // shared with bert, not copied
    this.hidden = bert.hidden;
  }

  forward([tokens, segments, validLens]: [Tensor, Tensor, Tensor]): Tensor {
    const encoded = this.encoder(tokens, segments, validLens); // [B, S, H]
    return this.output(this.hidden(encoded.at(":", 0))); // only the <cls> row is computed in the last layer
  }
}

await using accelerator = new Accelerator(); // one worker per GPU; tryAllGpus() of the book is the launcher's business
const { bert, vocab } = await accelerator.mainProcessFirst(() =>
  // downloaded once
  loadPretrainedModel("bert.small", { numHiddens: 256, ffnNumHiddens: 512, numHeads: 4, numBlks: 2, dropout: 0.1, maxLen: 512 }),
);

const batchSize = 512;
const maxLen = 128;
const numWorkers = getDataLoaderWorkers();
const dataDir = await accelerator.mainProcessFirst(() => downloadExtract("SNLI"));
const trainSet = await SNLIBERTDataset.create(await readSnli(dataDir, true), { maxLen, vocab, numWorkers: 4 }); // read 549367 examples
const testSet = await SNLIBERTDataset.create(await readSnli(dataDir, false), { maxLen, vocab, numWorkers: 4 });
const trainIter = new DataLoader(trainSet, { batchSize, shuffle: true, numWorkers });
const testIter = new DataLoader(testSet, { batchSize, numWorkers });

const net = new BERTClassifier(bert);
const trainer = new Adam(net.parameters(), { lr: 1e-4 }); // made before the lazy layer knows its size
const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
const animator = new Animator({ xlabel: "epoch", xlim: [1, 5], legend: ["train loss", "train acc", "test acc"] });
await trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: 5, accelerator, animator }); // sums and counts over all workers
if (accelerator.isMainProcess) await animator.save("snli.svg"); // and the last chart stays in the terminal
