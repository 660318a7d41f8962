// Arguments of what a run stands in: data, seeds, workers, the hub, the script.
import { acceleratorConfig, type AcceleratorConfig } from "../accelerator-config.js";
import { group } from "../argument.js";
import { type Kind, listOf, onOff, oneOf, optional, refusing, text, whole } from "../kinds.js";

const seeds = group("seeds");
const data = group("data");
const distributed = group("distributed");
const hub = group("hub");
const script = group("script");

const noHub = "nothing is pushed to the hub: push the folder that saveModel writes with the hub's own tools";
const notDdp = "gradients are not reduced in buckets by DistributedDataParallel: their owners add them up in shared memory";
const noShards = "models are not sharded: every worker has the whole model; optimizer states lie once per host";

const standardConfig: AcceleratorConfig = acceleratorConfig.read({})!.value;
/** A number from the command line or a file is no path. */
const resume: Kind<string | boolean, string | boolean> = {
  placeholder: "FOLDER",
  wanted: "the path of a checkpoint, or true for the newest one",
  read: (raw) => (typeof raw === "boolean" ? { value: raw } : typeof raw !== "string" || raw === "" ? undefined : (onOff.read(raw) ?? { value: raw })),
};

export const surroundingArguments = {
  seed: seeds.keep(whole(0), 42, "The seed of everything drawn: initial weights, dropout, orders."),
  dataSeed: seeds.keep(optional(whole(0)), undefined, "The seed of orders alone.", { otherwise: "as `seed`" }),
  fullDeterminism: seeds.same(onOff, false, "The same bits in every run.", "runs of the same seed on as many workers and threads give the same bits anyway"),
  useCpu: seeds.keep(onOff, false, "Train on the CPU, also where there are GPUs."),

  dataloaderDropLast: data.keep(onOff, false, "Leave out the last batch where it is short."),
  dataloaderNumWorkers: data.keep(whole(0), 0, "Threads that read and collate; 0: the main thread."),
  dataloaderPrefetchFactor: data.keep(optional(whole(1)), undefined, "Batches that each of these threads makes ahead.", { otherwise: "2" }),
  dataloaderPersistentWorkers: data.same(onOff, false, "Threads stay from one epoch to the next.", "they always do"),
  dataloaderPinMemory: data.same(onOff, true, "Batches lie in memory that GPUs can read.", "there is no such memory on CPUs"),
  dataloaderMultiprocessingContext: data.refuse(undefined, "How processes that read are started.", "threads read"),
  dataloaderInOrder: data.refuse(true, "Batches come in the order of the sampler.", "they always do, so that runs can be repeated"),
  removeUnusedColumns: data.keep(onOff, true, "Leave out columns that the model does not take."),
  labelNames: data.keep(optional(listOf(text("NAME"))), undefined, "The inputs that are labels.", { otherwise: "those that the model takes" }),
  trainSamplingStrategy: data.keep(
    refusing(oneOf("random", "sequential", "group_by_length"), { batch_rebalance: "this order is not there yet" }),
    "random",
    "The order of training rows. group_by_length puts rows of about the same length into a batch.",
  ),
  lengthColumnName: data.keep(text("NAME"), "length", "The column that holds lengths for group_by_length."),

  acceleratorConfig: distributed.keep(acceleratorConfig, standardConfig, "How batches are dealt to workers.", { otherwise: "see below" }),
  ddpFindUnusedParameters: distributed.same(optional(onOff), undefined, "Look for parameters without gradients.", "they are always allowed"),
  ddpBucketCapMb: distributed.refuse(undefined, "The size of buckets.", notDdp),
  ddpBroadcastBuffers: distributed.refuse(undefined, "Send buffers of rank 0 to all at every step.", notDdp),
  ddpStaticGraph: distributed.refuse(undefined, "Promise that the graph never changes.", notDdp),
  ddpBackend: distributed.refuse(undefined, "The library of collectives.", "shared memory is used on a host and gloo between hosts", ["gloo"]),
  ddpTimeout: distributed.refuse(1800, "Seconds that a collective may wait.", "the launcher says it: accelerate-ts launch --timeout"),
  fsdp: distributed.refuse(undefined, "Fully sharded training.", noShards),
  fsdpConfig: distributed.refuse(undefined, "Options of that.", noShards),
  deepspeed: distributed.refuse(undefined, "DeepSpeed.", noShards),
  parallelismConfig: distributed.refuse(undefined, "Tensor, context and other parallelism.", noShards),
  localRank: distributed.refuse(-1, "The worker's number on its host.", "the launcher tells it to its workers", [0]),

  pushToHub: hub.refuse(false, "Push the model whenever it is saved.", noHub),
  hubModelId: hub.refuse(undefined, "To which repository.", noHub),
  hubStrategy: hub.refuse("every_save", "What is pushed, and when.", noHub),
  hubToken: hub.refuse(undefined, "With which token.", noHub),
  hubPrivateRepo: hub.refuse(undefined, "Into a private repository.", noHub),
  hubAlwaysPush: hub.refuse(false, "Also while another push runs.", noHub),
  hubRevision: hub.refuse(undefined, "To which branch.", noHub),

  doTrain: script.keep(onOff, false, "For the script: whether to train."),
  doEval: script.keep(onOff, false, "For the script: whether to evaluate.", { otherwise: "true with an `evalStrategy`" }),
  doPredict: script.keep(onOff, false, "For the script: whether to predict."),
  resumeFromCheckpoint: script.keep(optional(resume), undefined, "For the script: what to give to `trainer.train({ resumeFromCheckpoint })`."),
} as const;
