// Data sets that the type checker knows by their hub ids, and the class names of their labels.
import { ClassLabel, type Features } from "../columns/features.js";
import type { Row } from "../types.js";

/** Users may add theirs by declaration merging. */
export interface KnownDatasets {
  "glue/mrpc": { row: { sentence1: string; sentence2: string; label: number; idx: number }; splits: "train" | "validation" | "test" };
  "glue/sst2": { row: { sentence: string; label: number; idx: number }; splits: "train" | "validation" | "test" };
  "glue/rte": { row: { sentence1: string; sentence2: string; label: number; idx: number }; splits: "train" | "validation" | "test" };
  nsmc: { row: { id: string; document: string; label: number }; splits: "train" | "test" };
}
export type Known<P, C> = [P, C] extends [infer A extends string, infer B extends string]
  ? `${A}/${B}` extends keyof KnownDatasets
    ? KnownDatasets[`${A}/${B}`]
    : { row: Row; splits: string }
  : { row: Row; splits: string };

/** Features as the hub has them, for folders that are called like the id. */
export const knownFeatures: { readonly [id: string]: Features } = {
  "glue/mrpc": { sentence1: "string", sentence2: "string", label: new ClassLabel(["not_equivalent", "equivalent"]), idx: "int32" },
  "glue/sst2": { sentence: "string", label: new ClassLabel(["negative", "positive"]), idx: "int32" },
  "glue/rte": { sentence1: "string", sentence2: "string", label: new ClassLabel(["entailment", "not_entailment"]), idx: "int32" },
  nsmc: { id: "string", document: "string", label: new ClassLabel(["negative", "positive"]) },
};
