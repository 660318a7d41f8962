// Texts to numbers: tokenizers, their batches, and training a vocabulary.
export { AutoTokenizer, type PreTrainedTokenizer } from "./tokenizer.js";
export type { BatchEncoding, EncodedLists, EncodedRow, EncodedTensors } from "./batch-encoding.js";
export type { TokenizeOptions } from "./options.js";
export { TokenizeError } from "./encoder.js";
export { TokenizerFileError } from "./tokenizer-files.js";
export { trainWordPiece, type TrainWordPieceOptions } from "./train.js";
