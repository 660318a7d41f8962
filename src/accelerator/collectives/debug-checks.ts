// Debug mode: before each call of the user's the workers tell each other what they are about to do, and differences are shown for all of them at once.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import { AccelerateError, ShapeError } from "../../errors.js";
import type { DType } from "../../tensor/index.js";

/** A call of the user's that all workers make. */
export interface UserCall extends CollectiveOptions {
  readonly purpose: string;
  /** Number of this call among those of the Accelerator, from 1. */
  readonly sequence: number;
}

/** What a call is made with, as far as the workers must agree on it. */
export interface CallContent {
  /** All tensors, in order. */
  readonly tensors?: readonly { readonly path: string; readonly dtype: DType; readonly shape: readonly number[] }[];
  /** What must be the same everywhere, besides: "from process 0". */
  readonly settings?: string;
  /** Dims that may differ, of a tensor of this rank. */
  readonly mayDiffer?: (dim: number, rank: number) => boolean;
}

interface Told {
  readonly op: string;
  readonly sequence: number;
  readonly site: string | undefined;
  readonly settings: string | undefined;
  readonly tensors: readonly (readonly [path: string, dtype: DType, shape: readonly number[]])[];
  /** The shapes with a star for the dims that may differ. */
  readonly pattern: readonly string[];
}

/** What may differ, the most telling first: the code of the error is that of the first difference. */
const aspects: readonly (readonly [name: string, of: (told: Told) => unknown, code: string])[] = [
  ["operations", ({ op }) => op, "ERR_CALLS_DIFFER"],
  ["numbers of calls made", ({ sequence }) => sequence, "ERR_CALLS_DIFFER"],
  ["arguments", ({ settings }) => settings, "ERR_CALLS_DIFFER"],
  ["structures", ({ tensors }) => tensors.map(([path]) => path), "ERR_CALLS_DIFFER"],
  ["dtypes", ({ tensors }) => tensors.map(([, dtype]) => dtype), "ERR_DTYPE"],
  ["shapes", ({ pattern }) => pattern, "ERR_SHAPE"],
];

const show = ({ op, site, settings, sequence, tensors }: Told): string => {
  const values = tensors.map(([path, dtype, shape]) => `${path && `${path}: `}${dtype} [${shape.join(", ")}]`);
  const alone = tensors.length === 1 && tensors[0]![0] === "";
  const what = tensors.length === 0 ? [] : alone ? values : [`{ ${values.join(", ")} }`];
  return `${[op, ...(settings ? [settings] : []), ...what].join(", ")} (call ${sequence}${site ? `, ${site}` : ""})`;
};

/**
 * Compares what the workers of a group are about to do.
 * @throws AccelerateError ERR_CALLS_DIFFER, ShapeError ERR_SHAPE or ERR_DTYPE with what every worker does, on every worker.
 */
export async function compareCalls(group: ProcessGroup, call: UserCall, content: CallContent = {}): Promise<void> {
  if (group.size === 1) return;
  const { tensors = [], settings, mayDiffer = () => false } = content;
  const own: Told = {
    op: call.purpose,
    sequence: call.sequence,
    site: call.site,
    settings,
    tensors: tensors.map(({ path, dtype, shape }) => [path, dtype, [...shape]]),
    pattern: tensors.map(({ shape }) => shape.map((size, dim) => (mayDiffer(dim, shape.length) ? "*" : size)).join()),
  };
  const all = await group.allGatherObject(own, { ...call, purpose: "debug mode" });
  for (const [name, of, code] of aspects) {
    const values = all.map((told) => JSON.stringify(of(told)));
    if (values.every((value) => value === values[0])) continue;
    const message = `debug mode: the ${name} differ between processes\n${all.map((told, i) => `  process ${i}: ${show(told)}`).join("\n")}`;
    throw code === "ERR_CALLS_DIFFER" ? new AccelerateError(code, message) : new ShapeError(message, { code });
  }
}
