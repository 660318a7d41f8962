// What values of the log are called where people read them.

const speeds = ["_runtime", "_samples_per_second", "_steps_per_second", "_tokens_per_second", "_model_preparation_time", "_jit_compilation_time"];
/** How long an evaluation took: no metric. */
export const isSpeed = (name: string): boolean => speeds.some((ending) => name.endsWith(ending));

/** eval_f1 -> F1, eval_mrpc_accuracy -> Mrpc Accuracy, eval_loss -> Loss. Words as Python capitalizes them: the first letter large, all others small. */
export const metricTitle = (name: string): string =>
  name
    .split("_")
    .slice(1)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())
    .join(" ");
