// Names that arguments had in earlier releases of transformers, and arguments that it has taken out.
import { ArgumentError } from "../../errors.js";

export interface OldName {
  /** The values by which files of these releases say nothing. */
  readonly unset: readonly unknown[];
  /** What is taken instead; undefined: nothing. */
  readonly to?: (value: unknown) => Readonly<Record<string, unknown>>;
  /** Completes "x is an old name: ...". */
  readonly advice: string;
  /** It is an error to ask for it. */
  readonly refused?: true;
}

const renamedTo = (name: string, unset: readonly unknown[] = []): OldName => ({
  unset: [null, ...unset],
  to: (value) => ({ [name]: value }),
  advice: `write ${name}`,
});
const switched = (to: Readonly<Record<string, unknown>>, advice: string): OldName => ({
  unset: [null, false],
  to: (value) => (value === true || value === "true" || value === "True" ? to : {}),
  advice,
});
const gone = (advice: string, ...unset: readonly unknown[]): OldName => ({ unset: [null, false, ...unset], advice, refused: true });
const hub = (name: string): OldName => gone(`nothing is pushed to the hub (${name} is its new name)`, "<PUSH_TO_HUB_TOKEN>");
const precision = gone("one word says it here: write bf16 or fp16", "auto", "O1");

/** warmupSteps counts steps from 1 on; a ratio of 1 is all of them. */
function shareOfSteps(ratio: unknown): unknown {
  const share = Number(ratio);
  if (share > 1)
    throw new ArgumentError(`warmupRatio is ${share}, not a number from 0 to 1`, {
      code: "ERR_TRAINING_ARGUMENTS",
      hint: "warmupSteps takes a number of steps",
    });
  return share === 1 ? 1 - Number.EPSILON / 2 : ratio;
}

export const oldNames: Readonly<Record<string, OldName>> = {
  evaluationStrategy: renamedTo("evalStrategy"),
  evaluateDuringTraining: switched({ evalStrategy: "steps" }, 'write evalStrategy: "steps"'),
  warmupRatio: { unset: [null, 0], to: (ratio) => ({ warmupSteps: shareOfSteps(ratio) }), advice: "write warmupSteps with a number below 1" },
  groupByLength: switched({ trainSamplingStrategy: "group_by_length" }, 'write trainSamplingStrategy: "group_by_length"'),
  noCuda: renamedTo("useCpu", [false]),
  perGpuTrainBatchSize: renamedTo("perDeviceTrainBatchSize"),
  perGpuEvalBatchSize: renamedTo("perDeviceEvalBatchSize"),
  adafactor: switched({ optim: "adafactor" }, 'write optim: "adafactor"'),
  includeInputsForMetrics: switched({ includeForMetrics: ["inputs"] }, 'write includeForMetrics: ["inputs"]'),
  splitBatches: { unset: [null], to: (splitBatches) => ({ acceleratorConfig: { splitBatches } }), advice: "write acceleratorConfig: { splitBatches }" },
  dispatchBatches: {
    unset: [null],
    to: (dispatchBatches) => ({ acceleratorConfig: { dispatchBatches } }),
    advice: "write acceleratorConfig: { dispatchBatches }",
  },
  overwriteOutputDir: { unset: [null, false], advice: "leave it out, nothing asks for it" },
  saveSafetensors: { unset: [null, true], advice: "weights are written as safetensors and in no other format", refused: true },
  includeTokensPerSecond: gone("includeNumInputTokensSeen counts tokens"),
  fp16OptLevel: precision,
  fp16Backend: precision,
  halfPrecisionBackend: precision,
  useMpsDevice: gone("there is no GPU to train on yet"),
  tpuNumCores: gone("there are no TPUs"),
  tpuMetricsDebug: gone("there are no TPUs"),
  useIpex: gone("Intel's extension is for PyTorch"),
  jitModeEval: gone("models are always compiled here"),
  torchdynamo: gone("models are always compiled here"),
  xpuBackend: gone("shared memory is used on a host and gloo between hosts"),
  shardedDdp: gone("models are not sharded", ""),
  fsdpMinNumParams: gone("models are not sharded", 0),
  fsdpTransformerLayerClsToWrap: gone("models are not sharded"),
  mpParameters: gone("models are not split over devices", ""),
  pastIndex: gone("outputs of a step are not given to the next", -1),
  rayScope: gone("there is no search with Ray", "last"),
  useLegacyPredictionLoop: gone("there is one prediction loop"),
  pushToHubModelId: hub("hubModelId"),
  pushToHubOrganization: hub("hubModelId"),
  pushToHubToken: hub("hubToken"),
  // Files of transformers 4 have it as _n_gpu.
  NGpu: gone("the launcher says how many workers there are", 0, 1, -1),
};

/** Old names that have a new one, for programs. */
export interface OldTrainingArguments {
  /** @deprecated evalStrategy */
  readonly evaluationStrategy?: "no" | "steps" | "epoch";
  /** @deprecated evalStrategy */
  readonly evaluateDuringTraining?: boolean;
  /** @deprecated warmupSteps, below 1 */
  readonly warmupRatio?: number;
  /** @deprecated trainSamplingStrategy: "group_by_length" */
  readonly groupByLength?: boolean;
  /** @deprecated useCpu */
  readonly noCuda?: boolean;
  /** @deprecated perDeviceTrainBatchSize */
  readonly perGpuTrainBatchSize?: number;
  /** @deprecated perDeviceEvalBatchSize */
  readonly perGpuEvalBatchSize?: number;
  /** @deprecated optim: "adafactor" */
  readonly adafactor?: boolean;
  /** @deprecated includeForMetrics: ["inputs"] */
  readonly includeInputsForMetrics?: boolean;
  /** @deprecated acceleratorConfig */
  readonly splitBatches?: boolean;
  /** @deprecated acceleratorConfig */
  readonly dispatchBatches?: boolean;
  /** @deprecated nothing asks for it */
  readonly overwriteOutputDir?: boolean;
}
