// Types of training arguments and of what parseArgs gives. Checked by the compiler.
import { type AcceleratorConfig, argument, defineArguments, parseArgs, TrainingArguments } from "accelerate-ts/trainer";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;

export function values(): void {
  const args = new TrainingArguments("out", {
    evalStrategy: "epoch",
    learningRate: 2e-5,
    reportTo: "all",
    lrSchedulerKwargs: { numCycles: 2 },
    seed: undefined,
  });
  same<typeof args.learningRate, number>(true);
  same<typeof args.evalSteps, number | undefined>(true);
  same<typeof args.evalStrategy, "no" | "steps" | "epoch">(true);
  same<typeof args.acceleratorConfig, AcceleratorConfig>(true);
  same<typeof args.fp16, boolean>(true);
  same<typeof args.labelNames, readonly string[] | undefined>(true);
  same<ReturnType<typeof args.with>, TrainingArguments>(true);
  // @ts-expect-error they never change
  args.seed = 1;
  new TrainingArguments({ outputDir: "out", fp16: false, groupByLength: true, acceleratorConfig: { splitBatches: true } });
  // @ts-expect-error refused
  new TrainingArguments("out", { fsdp: "full_shard" });
  // @ts-expect-error no such strategy
  new TrainingArguments("out", { evalStrategy: "epochs" });
  // @ts-expect-error no such name
  new TrainingArguments("out", { learningrate: 1 });
  // @ts-expect-error no such optimizer here
  new TrainingArguments("out", { optim: "lomo" });
}

class Own extends TrainingArguments {}

export function parsed(): void {
  const script = defineArguments({
    model: argument.text({ required: true }),
    maxLength: argument.number({ default: 128 }),
    limit: argument.number(),
    task: argument.choice(["mrpc", "sst2"], { default: "mrpc" }),
    files: argument.texts(),
    fast: argument.flag(),
  });
  const [args, own] = parseArgs([Own, script]);
  same<typeof args, Own>(true);
  type Script = {
    readonly model: string;
    readonly maxLength: number;
    readonly limit: number | undefined;
    readonly task: "mrpc" | "sst2";
    readonly files: readonly string[] | undefined;
    readonly fast: boolean;
  };
  same<typeof own, Script>(true);
  const [alone] = parseArgs(TrainingArguments);
  same<typeof alone, TrainingArguments>(true);
  same<ReturnType<typeof Own.fromJSON<Own>>, Own>(true);
}
