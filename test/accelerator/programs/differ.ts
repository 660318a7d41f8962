// Workers that do not build the same thing; the argument says in what they differ. Several of them by commas: what each worker is told of each, a line each, and all end well.
import { Accelerator, AdamW, DataLoader, type Tensor, tensor } from "accelerate-ts";
import { Linear, Module } from "accelerate-ts/nn";

class Two extends Module {
  readonly first = new Linear(4, 4);
  readonly second: Linear;
  late: Linear | undefined;
  constructor(size: number) {
    super();
    this.second = new Linear(4, size);
  }
  forward(x: Tensor): Tensor {
    const y = this.second(this.first(x));
    return (this.late ? this.late(y) : y).sum();
  }
}

async function differ(kind: string): Promise<void> {
  const second = process.env.RANK === "1";
  await using accelerator = new Accelerator({ gradientAccumulationSteps: kind === "options" && second ? 2 : 1 });
  const odd = accelerator.processIndex === 1;
  const model = new Two(kind === "shape" && odd ? 3 : 2);
  const layers = [model.first, model.second];
  if (kind === "groups" && odd) layers.reverse();
  const optimizer = new AdamW(
    layers.map((layer) => ({ params: layer.parameters() })),
    { lr: kind === "rate" && odd ? 0.2 : 0.1 },
  );
  const loader = new DataLoader([1, 2, 3].slice(kind === "data" && odd ? 1 : 0), { batchSize: kind === "loader" && odd ? 2 : 1 });
  if (kind === "away" || kind === "early") {
    if (kind === "early" && odd) throw new RangeError("no data");
    await accelerator.onMainProcess(() => accelerator.gatherObject([1]));
  } else if (kind === "order" && odd) await accelerator.prepare(optimizer, model);
  else if (kind === "step") {
    await accelerator.prepare(model, optimizer);
    if (odd) await accelerator.waitForEveryone();
    else await optimizer.step();
  } else {
    await accelerator.prepare(model, optimizer, loader);
    if (kind === "lazy" && odd) model.late = new Linear(2, 2);
    await accelerator.backward(model(tensor([[1, 2, 3, 4]])));
    await accelerator.clipGradNorm(model.parameters(), 1);
  }
}

const kinds = process.argv[2]!.split(",");
if (kinds.length === 1) await differ(kinds[0]!);
else
  for (const kind of kinds)
    await differ(kind).then(
      () => console.error(`${kind}: nothing`),
      (error: Error) => console.error(`${kind}: ${error.message.replaceAll("\n", " ")}`),
    );
