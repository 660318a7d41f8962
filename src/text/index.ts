// Texts to numbers: tokenizers, their batches, and training a vocabulary.

export type { BatchEncoding, EncodedLists, EncodedRow, EncodedTensors } from "./batch-encoding.js";
export type { TokenizeOptions } from "./options.js";
export { TokenizeError } from "./tokenize-error.js";
export { AutoTokenizer, type PreTrainedTokenizer } from "./tokenizer.js";
export { TokenizerFileError } from "./tokenizer-files.js";
export { type TrainWordPieceOptions, trainWordPiece } from "./train.js";
