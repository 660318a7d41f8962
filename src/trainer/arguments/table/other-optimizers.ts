// Optimizers of transformers that are not here, and why.

const named = (reason: string, ...names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, reason]));

export const otherOptimizers: Readonly<Record<string, string>> = {
  ...named("it is for other hardware than CPUs", "adamw_torch_xla", "adamw_torch_npu_fused", "adamw_apex_fused"),
  ...named(
    "optimizer states of fewer bits are not there: they are float32",
    "adamw_torch_4bit",
    "adamw_torch_8bit",
    "adamw_bnb_8bit",
    "adamw_8bit",
    "lion_8bit",
    "rmsprop_bnb_8bit",
  ),
  ...named("optimizer states of fewer bits are not there: they are float32", "adamw_anyprecision"),
  ...named("it is one of bitsandbytes, for GPUs", "rmsprop_bnb", "rmsprop_bnb_32bit", "ademamix", "ademamix_8bit"),
  ...named(
    "paging between GPU and host is not needed on CPUs",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "paged_ademamix_32bit",
    "paged_ademamix_8bit",
    "paged_lion_32bit",
    "paged_lion_8bit",
  ),
  ...named("projected gradients (GaLore) are not there", "galore_adamw", "galore_adamw_8bit", "galore_adafactor"),
  ...named("projected gradients (GaLore) are not there", "galore_adamw_layerwise", "galore_adamw_8bit_layerwise", "galore_adafactor_layerwise"),
  ...named("projected gradients (APOLLO) are not there", "apollo_adamw", "apollo_adamw_layerwise"),
  ...named("updates within the backward pass are not there", "lomo", "adalomo"),
  ...named("schedule-free optimizers are not there", "schedule_free_radam", "schedule_free_adamw", "schedule_free_sgd"),
  ...named("this optimizer is not there", "grokadamw", "stable_adamw"),
  ...named("transformers has taken it out: adamw_torch is the same", "adamw_hf"),
};
