// The error of everything that reads PyTorch's files: it knows the file and, where one is known, the byte.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

/**
 * | code | meaning |
 * |---|---|
 * | ERR_TORCH_FILE_FORMAT | no file of torch.save, or a kind of it that cannot be read here |
 * | ERR_TORCH_FILE_TRUNCATED | the file ends before what it announces |
 * | ERR_TORCH_FILE_PICKLE | the pickle in it breaks the rules of pickles |
 * | ERR_TORCH_FILE_UNSAFE | the pickle names code that is not on the list of what may be read; nothing was executed |
 * | ERR_TORCH_FILE_LIMIT | larger, deeper or longer than what is accepted |
 * | ERR_TORCH_FILE_TENSOR | a tensor's sizes, strides and storage do not fit each other, or what it is to be read into |
 * | ERR_TORCH_FILE_DTYPE | an element type that cannot be read here |
 * | ERR_TORCH_FILE_CHANGED | the file is another one than when it was opened |
 * | ERR_TORCH_FILE_OPEN | the system does not let it be read |
 */
export type TorchFileErrorCode =
  | "ERR_TORCH_FILE_FORMAT"
  | "ERR_TORCH_FILE_TRUNCATED"
  | "ERR_TORCH_FILE_PICKLE"
  | "ERR_TORCH_FILE_UNSAFE"
  | "ERR_TORCH_FILE_LIMIT"
  | "ERR_TORCH_FILE_TENSOR"
  | "ERR_TORCH_FILE_DTYPE"
  | "ERR_TORCH_FILE_CHANGED"
  | "ERR_TORCH_FILE_OPEN";

/** A file of PyTorch that cannot be used. */
export class TorchFileError extends AccelerateError {
  readonly file: string;
  readonly offset: number | undefined;

  constructor(code: TorchFileErrorCode, message: string, options: AccelerateErrorOptions & { readonly file: string; readonly offset?: number | undefined }) {
    super(code, `${options.file}: ${message}`, options);
    this.file = options.file;
    this.offset = options.offset;
  }
}

/** Makes errors of one file; `offset` is a byte of it. */
export type Fault = (code: TorchFileErrorCode, message: string, more?: AccelerateErrorOptions & { readonly offset?: number }) => TorchFileError;
export const faultOf =
  (file: string): Fault =>
  (code, message, more = {}) =>
    new TorchFileError(code, message, { ...more, file });

/** Text of a file in a message: control characters shown, cut where it is long. */
export function quoted(text: string): string {
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  return shown.replace(/[\x7f-\x9f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
