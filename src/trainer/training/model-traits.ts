// What a Trainer must know of a model: what its loss is the mean of, and how it is called.
import { PreTrainedModelBase } from "../../models/shared/pretrained-model.js";
import type { ModuleBase } from "../../nn/index.js";
import { labelNamesOf } from "../data/columns.js";

/** A model of the program's own may say so itself. */
interface Declared {
  /** Its loss is a mean over the labels that count (no -100), not over rows: micro-batches weigh by theirs. */
  readonly lossIsMeanOverLabels?: boolean;
  /** Each place is to say the label of the next one: the first label of a row counts for nothing. */
  readonly shiftsLabels?: boolean;
  readonly mainInputName?: string;
  readonly config?: { readonly problem_type?: string | null };
}

/** Classes of the library whose labels are the tokens to come. */
const causal = /(LMHeadModel|ForCausalLM)$/;

const bases = /^(Bert|Roberta|DistilBert|GPT2)Model$/;

export class ModelTraits {
  /** A model of the library. */
  readonly isPretrained: boolean;
  /** Its loss is the mean over all labels of a step that count: transformers divides it by `num_items_in_batch`. */
  readonly meanOverItems: boolean;
  readonly shiftsLabels: boolean;
  /** The first label of a row is not among those that the loss is divided by. transformers leaves it out for classes named ...ForCausalLM alone, which GPT2LMHeadModel is not. */
  readonly countsShifted: boolean;
  readonly labelNames: readonly string[];
  readonly mainInputName: string;
  readonly problemType: string | undefined;
  /** It has no head: nothing that could be trained for a task. */
  readonly isBase: boolean;

  constructor(model: ModuleBase) {
    const declared = model as unknown as Declared;
    const name = model.constructor.name;
    this.isPretrained = model instanceof PreTrainedModelBase;
    const isCausal = this.isPretrained && causal.test(name);
    this.shiftsLabels = declared.shiftsLabels ?? isCausal;
    this.countsShifted = declared.shiftsLabels ?? name.endsWith("ForCausalLM");
    this.meanOverItems = declared.lossIsMeanOverLabels ?? isCausal;
    this.labelNames = labelNamesOf(model);
    this.mainInputName = declared.mainInputName ?? "input_ids";
    this.problemType = declared.config?.problem_type ?? undefined;
    this.isBase = this.isPretrained && bases.test(name);
  }
}
