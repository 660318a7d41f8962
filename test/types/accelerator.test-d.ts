// What the type checker must know of the Accelerator, and what it must refuse. Compiles as it is; never run.
import { type Accelerator, AdamW, DataLoader, Dataset, debugLauncher, getLogger, notebookLauncher, type Tensor, tensor } from "accelerate-ts";
import { crossEntropy, Linear } from "accelerate-ts/nn";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;

export async function accelerated(h: Tensor, accelerator: Accelerator): Promise<void> {
  const model = new Linear(2, 2);
  const loader = new DataLoader([{ x: [1, 2], y: 1 }], { batchSize: 2 });
  const optimizer = new AdamW(model.parameters());
  const prepared = await accelerator.prepare(model, optimizer, loader);
  same<typeof prepared, [Linear, AdamW, typeof loader]>(true);
  async function* foreign() {
    yield { a: tensor([1]) };
  }
  const [wrapped] = await accelerator.prepare(foreign());
  for await (const batch of wrapped) same<typeof batch, { a: Tensor<1, "float32"> }>(true);
  // @ts-expect-error nothing that can be prepared
  await accelerator.prepare(42);

  const [loss, all] = await accelerator.reduce([crossEntropy(h, h), h], "mean");
  same<typeof loss, Tensor<0, "float32">>(true);
  same<typeof all, Tensor>(true);
  const gathered = await accelerator.gather({ loss: crossEntropy(h, h), n: [tensor([1])] });
  same<typeof gathered.loss, Tensor<1, "float32">>(true);
  const settings = await accelerator.broadcastObject(accelerator.isMainProcess ? { run: "x" } : undefined);
  same<typeof settings, { run: string }>(true);
  const first = await accelerator.mainProcessFirst(() => 3);
  same<typeof first, number>(true);
  const main = await accelerator.onMainProcess(async () => "x");
  same<typeof main, string | undefined>(true);
  // @ts-expect-error a rank is a number
  await accelerator.broadcastObject(1, "0");
  // @ts-expect-error no such reduction
  await accelerator.reduce(h, "product");

  const spread = await accelerator.broadcast(accelerator.isMainProcess ? { loss: crossEntropy(h, h), n: [tensor([1])] } : undefined);
  same<typeof spread.loss, Tensor<0, "float32">>(true);
  const list = await accelerator.broadcastObjectList(["a", "b"]);
  same<typeof list, string[]>(true);
  await accelerator.splitBetweenProcesses(["a", "b"], (part) => same<typeof part, string[]>(true));
  await accelerator.splitBetweenProcesses(tensor([[1]]), (part) => same<typeof part, Tensor<2, "float32">>(true));
  const rows = Dataset.fromRows([{ n: 1 }]);
  await accelerator.splitBetweenProcesses(
    { text: ["a"], rows, more: { x: tensor([1]) } },
    ({ text, rows: own, more }) => {
      same<typeof text, string[]>(true);
      same<typeof own, typeof rows>(true);
      same<typeof more.x, Tensor<1, "float32">>(true);
    },
    { applyPadding: true },
  );
  // @ts-expect-error a number has no rows
  await accelerator.splitBetweenProcesses({ a: 1 }, () => {});
  const found = await accelerator.findExecutableBatchSize(async (batchSize, fits) => {
    await fits();
    return `${batchSize}`;
  });
  same<typeof found, string>(true);
  const fifth = await accelerator.onProcess(5, () => 1);
  same<typeof fifth, number | undefined>(true);

  const logger = getLogger("x", { accelerator });
  const now = logger.info("now", { mainProcessOnly: false });
  same<typeof now, void>(true);
  const turns = logger.info("in turn", { inOrder: true });
  same<typeof turns, Promise<void>>(true);
  const values = await notebookLauncher<number>({ filename: "./train.js", name: "train" }, [1, { epochs: 3 }], { numProcesses: 2 });
  same<typeof values, number[]>(true);
  // @ts-expect-error a closure cannot travel
  await debugLauncher(() => 1);
}
