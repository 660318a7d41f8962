// Texts to numbers: tokenizers, their batches, and training a vocabulary.
export type { BatchEncoding, EncodedBatch, EncodedLists, EncodedOne, EncodedRow, EncodedTensors, EncodedText } from "./batch-encoding.js";
export type { CallOptions, TokenIds, TokenizeOptions } from "./options.js";
export type { PadOptions } from "./pad.js";
export type { AddedToken, DecodeOptions, PreTrainedTokenizer, SpecialTokenNames } from "./pretrained-tokenizer.js";
export type { Range, TokenLookup } from "./token-lookup.js";
export { TokenizeError } from "./tokenize-error.js";
export { AutoTokenizer, BertTokenizer, DistilBertTokenizer, GPT2Tokenizer, type PretrainedLoader, RobertaTokenizer } from "./tokenizer.js";
export { TokenizerFileError, type TokenizerOptions } from "./tokenizer-files.js";
export { type TrainWordPieceOptions, trainWordPiece } from "./train.js";
