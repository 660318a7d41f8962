// Keys that Python's Accelerate writes into its files and that are no settings here: which of their values change nothing, what the others would mean, and what two of them say about settings.
import type { SettingName } from "./settings.js";

export interface ForeignKey {
  /** Whether a run here is what this value asks for. */
  harmless(value: unknown): boolean;
  /** Why the other values are refused. */
  readonly reason: string;
  /** Settings that follow from a value, where the file does not give them. */
  implies?(value: unknown): Partial<Record<SettingName, unknown>>;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || value === false || (typeof value === "object" && Object.keys(value).length === 0);
const anything = (): boolean => true;
const among =
  (...texts: readonly string[]) =>
  (value: unknown): boolean =>
    isEmpty(value) || (typeof value === "string" && texts.includes(value.toUpperCase()));

const engine = (name: string): ForeignKey => ({ harmless: isEmpty, reason: `${name} belongs to PyTorch; optimizer state is sharded over the workers anyway` });
const tpu: ForeignKey = { harmless: (value) => isEmpty(value) || value === "no", reason: "there is nothing for TPUs here" };

const distributedTypes: ReadonlyMap<string, Partial<Record<SettingName, unknown>>> = new Map([
  ["NO", { numProcesses: 1 }],
  ["MULTI_CPU", { cpu: true }],
  ["MULTI_GPU", { device: "cuda" }],
]);

const keys: Readonly<Record<string, ForeignKey>> = {
  compute_environment: { harmless: among("LOCAL_MACHINE"), reason: "workers run on machines of your own: LOCAL_MACHINE" },
  distributed_type: {
    harmless: among(...distributedTypes.keys()),
    reason: `workers are data-parallel, on ${[...distributedTypes.keys()].join(", ")}`,
    implies: (value) => distributedTypes.get(String(value).toUpperCase()) ?? {},
  },
  rdzv_backend: { harmless: among("STATIC"), reason: "machine 0 is the meeting point: main_process_ip and main_process_port" },
  rdzv_conf: { harmless: isEmpty, reason: "machine 0 is the meeting point: main_process_ip and main_process_port" },
  same_network: { harmless: anything, reason: "" },
  main_training_function: { harmless: anything, reason: "" },
  enable_cpu_affinity: { harmless: anything, reason: "" }, // workers have cores of their own wherever there are enough
  mpirun_config: { harmless: isEmpty, reason: "workers need no MPI here; under mpirun, start the program itself: mpirun -n 4 node train.js" },
  dynamo_config: { harmless: isEmpty, reason: "training steps are always compiled" },
  dynamo_backend: { harmless: among("NO"), reason: "training steps are always compiled" },
  fp16: { harmless: isEmpty, reason: "write mixed_precision" },
  fp8_config: { harmless: isEmpty, reason: "there is no fp8 here" },
  deepspeed_config: engine("DeepSpeed"),
  fsdp_config: engine("FSDP"),
  megatron_lm_config: engine("Megatron-LM"),
  parallelism_config: { harmless: isEmpty, reason: "workers are data-parallel" },
  downcast_bf16: tpu,
  tpu_name: tpu,
  tpu_zone: tpu,
  tpu_use_cluster: tpu,
  tpu_use_sudo: tpu,
  tpu_vm: tpu,
  tpu_env: tpu,
  command_file: tpu,
  commands: tpu,
};
export const foreignKeys: ReadonlyMap<string, ForeignKey> = new Map(Object.entries(keys));

const flags: Readonly<Record<string, string>> = {
  multiGpu: "there is one worker per GPU anyway: leave it out, or --device cuda to insist on GPUs",
  sameNetwork: "machines need to reach machine 0 and each other, that is all: leave it out",
  rdzvBackend: "machine 0 is the meeting point: --main-process-ip and --main-process-port",
  rdzvConf: "machine 0 is the meeting point: --main-process-ip and --main-process-port",
  numCpuThreadsPerProcess: "it is called --num-threads-per-process",
  enableCpuAffinity: "workers have cores of their own wherever there are enough: leave it out",
  module: "give the file of the script",
  noPython: "give the file of the script",
  tee: "what workers write is always shown with their rank; --log-dir also keeps it in files",
  mpirunHostfile: "workers need no MPI here; under mpirun, start the program itself: mpirun -n 4 node train.js",
  useDeepspeed: "DeepSpeed belongs to PyTorch; optimizer state is sharded over the workers anyway",
  useFsdp: "FSDP belongs to PyTorch; optimizer state is sharded over the workers anyway",
  useMegatronLm: "Megatron-LM belongs to PyTorch",
  dynamoBackend: "training steps are always compiled: leave it out",
  tpu: "there is nothing for TPUs here",
  useCpu: "it is called --cpu",
  maxRestarts: "workers are not started again by themselves; a program that saves its state goes on with loadState",
  monitorInterval: "a worker that fails is noticed at once: leave it out",
  role: "leave it out",
};
/** Flags of Python's launch that are refused by name, with the reason; by name in camelCase. */
export const foreignFlags: ReadonlyMap<string, string> = new Map(Object.entries(flags));
