// Pieces of the schemas of config.json that all architectures share.
import { z } from "zod";

/** Sizes beyond these are of no model; a config that has them is damaged, and would take all memory before the weights are looked at. */
const mostSizes = 1 << 24;
const mostLayers = 1 << 12;
export const count = z.int().positive().max(mostSizes);
export const layers = z.int().nonnegative().max(mostLayers);
export const probability = z.number().min(0).max(1);
export const standardDeviation = z.number().nonnegative().default(0.02);
const tokenId = z.int().nonnegative();
/** An id, a list of them, or none. */
export const tokenIds = z.union([tokenId, z.array(tokenId)]).nullish();
export const padTokenId = tokenId.nullable();

/** Labels, the kind of problem, and the outputs that are asked for. */
export const taskKeys = {
  problem_type: z.enum(["regression", "single_label_classification", "multi_label_classification"]).nullish(),
  id2label: z.record(z.string().regex(/^\d+$/, "a label's number"), z.string()).nullish(),
  label2id: z.record(z.string(), z.int()).nullish(),
  num_labels: count.optional(),
  output_hidden_states: z.boolean().optional(),
  output_attentions: z.boolean().optional(),
  tie_word_embeddings: z.boolean().optional(),
};
