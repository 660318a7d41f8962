// The Auto classes: value and type of one name each, so that `model: AutoModelForCausalLM` is what a user writes in a signature.
import { BertForMaskedLM } from "../bert/for-masked-lm.js";
import { BertForSequenceClassification } from "../bert/for-sequence-classification.js";
import { BertForTokenClassification } from "../bert/for-token-classification.js";
import { BertModel } from "../bert/model.js";
import { DistilBertForMaskedLM } from "../distilbert/for-masked-lm.js";
import { DistilBertForSequenceClassification } from "../distilbert/for-sequence-classification.js";
import { DistilBertForTokenClassification } from "../distilbert/for-token-classification.js";
import { DistilBertModel } from "../distilbert/model.js";
import { GPT2ForSequenceClassification } from "../gpt2/for-sequence-classification.js";
import { GPT2LMHeadModel } from "../gpt2/lm-head.js";
import { GPT2Model } from "../gpt2/model.js";
import { RobertaForMaskedLM } from "../roberta/for-masked-lm.js";
import { RobertaForSequenceClassification } from "../roberta/for-sequence-classification.js";
import { RobertaForTokenClassification } from "../roberta/for-token-classification.js";
import { RobertaModel } from "../roberta/model.js";
import type { Architecture } from "../shared/architecture.js";
import type { PreTrainedModelBase } from "../shared/pretrained-model.js";
import type { BaseModelCall, LanguageModelCall, SequenceClassifierCall, TokenClassifierCall } from "../shared/types.js";
import { type AutoClass, autoClass } from "./table.js";

/** The checker does not compare two generic calls whose outputs differ, though what one with a pooler gives is all that one without gives. */
const pooled = (architecture: Architecture<BertModel> | Architecture<RobertaModel>): Architecture<AutoModel> =>
  architecture as unknown as Architecture<AutoModel>;

/** A model without a head. */
export interface AutoModel extends PreTrainedModelBase, BaseModelCall {}
export const AutoModel: AutoClass<AutoModel> = autoClass<AutoModel>("AutoModel", {
  bert: pooled(BertModel.architecture),
  distilbert: DistilBertModel.architecture,
  roberta: pooled(RobertaModel.architecture),
  gpt2: GPT2Model.architecture,
});

/** A model with a classifier of whole sequences. */
export interface AutoModelForSequenceClassification extends PreTrainedModelBase, SequenceClassifierCall {}
export const AutoModelForSequenceClassification: AutoClass<AutoModelForSequenceClassification> = autoClass<AutoModelForSequenceClassification>(
  "AutoModelForSequenceClassification",
  {
    bert: BertForSequenceClassification.architecture,
    distilbert: DistilBertForSequenceClassification.architecture,
    roberta: RobertaForSequenceClassification.architecture,
    gpt2: GPT2ForSequenceClassification.architecture,
  },
);

/** A model with a classifier of each token. */
export interface AutoModelForTokenClassification extends PreTrainedModelBase, TokenClassifierCall {}
export const AutoModelForTokenClassification: AutoClass<AutoModelForTokenClassification> = autoClass<AutoModelForTokenClassification>(
  "AutoModelForTokenClassification",
  {
    bert: BertForTokenClassification.architecture,
    distilbert: DistilBertForTokenClassification.architecture,
    roberta: RobertaForTokenClassification.architecture,
  },
);

/** A model that says which token stands behind a mask. */
export interface AutoModelForMaskedLM extends PreTrainedModelBase, LanguageModelCall {}
export const AutoModelForMaskedLM: AutoClass<AutoModelForMaskedLM> = autoClass<AutoModelForMaskedLM>("AutoModelForMaskedLM", {
  bert: BertForMaskedLM.architecture,
  distilbert: DistilBertForMaskedLM.architecture,
  roberta: RobertaForMaskedLM.architecture,
});

/** A model that says the next token. */
export interface AutoModelForCausalLM extends PreTrainedModelBase, LanguageModelCall {}
export const AutoModelForCausalLM: AutoClass<AutoModelForCausalLM> = autoClass<AutoModelForCausalLM>("AutoModelForCausalLM", {
  gpt2: GPT2LMHeadModel.architecture,
});
