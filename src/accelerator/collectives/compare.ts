// Whether all workers train the same thing: names, shapes and kinds are compared before anything is shared.
import { createHash } from "node:crypto";
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";
import type { Parameter } from "../../tensor/index.js";

/**
 * Compares lists of lines over the workers of a group. A digest travels first; the lists themselves only where they differ.
 * @throws AccelerateError with this code, naming the first line that differs and the ranks that have it; the same on every worker.
 */
export async function compareLines(
  group: ProcessGroup,
  lines: readonly string[],
  { code, what, hint }: { readonly code: string; readonly what: string; readonly hint: string },
  options: CollectiveOptions,
): Promise<void> {
  const digest = createHash("sha256").update(lines.join("\n")).digest("hex");
  const digests = await group.allGatherObject(digest, options);
  const other = digests.findIndex((d) => d !== digests[0]);
  if (other < 0) return;
  const lists = await group.allGatherObject(lines, options);
  const [first, second] = [lists[0]!, lists[other]!];
  const at = first.findIndex((line, i) => line !== second[i]);
  const place = at < 0 ? first.length : at;
  const show = (list: readonly string[]) => list[place] ?? (place > 0 ? "nothing more" : "nothing");
  throw new AccelerateError(code, `${what} differ between workers: number ${place + 1} is ${show(first)} on rank 0 and ${show(second)} on rank ${other}`, {
    hint,
  });
}

const lineOf = (p: Parameter): string => `${p.name || "(unnamed)"} ${p.dtype} [${p.shape.join(", ")}]`;

const firstParameters = { what: "the parameters", hint: "every worker must build the same model, from the same config, in the same order" };
const lateParameters = {
  what: "the parameters that are new in the model",
  hint: "every worker must make the same layers in the same step; a layer that only some workers use is made on all of them, before prepare",
};

/** `late`: parameters that came after others had been prepared. @throws AccelerateError ERR_PARAMETERS_DIFFER */
export const compareParameters = (
  group: ProcessGroup,
  parameters: readonly Parameter[],
  { late }: { readonly late: boolean },
  options: CollectiveOptions,
): Promise<void> => compareLines(group, parameters.map(lineOf), { code: "ERR_PARAMETERS_DIFFER", ...(late ? lateParameters : firstParameters) }, options);
