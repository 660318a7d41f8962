// Optimizers of transformers that are not here: why, and which one comes nearest.

const named = (reason: string, ...names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, reason]));

const bits = (nearest: string): string => `optimizer states of fewer bits are not there: they are float32; ${nearest} is the nearest`;
const paged = (nearest: string): string => `paging between GPU and host is not needed on CPUs; ${nearest} is the nearest`;

export const otherOptimizers: Readonly<Record<string, string>> = {
  ...named("it is for other hardware than CPUs; adamw_torch is the same", "adamw_torch_xla", "adamw_torch_npu_fused", "adamw_apex_fused"),
  ...named(bits("adamw_torch"), "adamw_torch_4bit", "adamw_torch_8bit", "adamw_bnb_8bit", "adamw_8bit", "adamw_anyprecision"),
  ...named(bits("lion_32bit"), "lion_8bit"),
  ...named(bits("rmsprop"), "rmsprop_bnb_8bit"),
  ...named("it is one of bitsandbytes, for GPUs; rmsprop is the nearest", "rmsprop_bnb", "rmsprop_bnb_32bit"),
  ...named("it is one of bitsandbytes, for GPUs; adamw_torch is the nearest", "ademamix", "ademamix_8bit"),
  ...named(paged("adamw_torch"), "paged_adamw_32bit", "paged_adamw_8bit", "paged_ademamix_32bit", "paged_ademamix_8bit"),
  ...named(paged("lion_32bit"), "paged_lion_32bit", "paged_lion_8bit"),
  ...named("projected gradients (GaLore) are not there; adamw_torch is the nearest", "galore_adamw", "galore_adamw_8bit"),
  ...named("projected gradients (GaLore) are not there; adamw_torch is the nearest", "galore_adamw_layerwise", "galore_adamw_8bit_layerwise"),
  ...named("projected gradients (GaLore) are not there; adafactor is the nearest", "galore_adafactor", "galore_adafactor_layerwise"),
  ...named("projected gradients (APOLLO) are not there; adamw_torch is the nearest", "apollo_adamw", "apollo_adamw_layerwise"),
  ...named("updates within the backward pass are not there; sgd is the nearest", "lomo"),
  ...named("updates within the backward pass are not there; adafactor is the nearest", "adalomo"),
  ...named("schedule-free optimizers are not there; adamw_torch is the nearest", "schedule_free_radam", "schedule_free_adamw"),
  ...named("schedule-free optimizers are not there; sgd is the nearest", "schedule_free_sgd"),
  ...named("this optimizer is not there; adamw_torch is the nearest", "grokadamw", "stable_adamw"),
  ...named("transformers has taken it out; adamw_torch is the same", "adamw_hf"),
};
