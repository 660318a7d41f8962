// The error of everything that reads or writes safetensors: it knows the file and the byte.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

/**
 * | code | meaning |
 * |---|---|
 * | ERR_SAFETENSORS_HEADER | the length or the JSON of the header is wrong |
 * | ERR_SAFETENSORS_DTYPE | an element type that the format or the reader does not know |
 * | ERR_SAFETENSORS_OFFSETS | tensors overlap, leave holes, or do not fill the file |
 * | ERR_SAFETENSORS_SIZE | shape and byte count of a tensor disagree |
 * | ERR_SAFETENSORS_TRUNCATED | the file ends before its data |
 * | ERR_SAFETENSORS_NAME | no tensor of that name, or one name twice |
 * | ERR_SAFETENSORS_INDEX | model.safetensors.index.json is wrong, or a shard is missing |
 */
export type SafetensorsErrorCode =
  | "ERR_SAFETENSORS_HEADER"
  | "ERR_SAFETENSORS_DTYPE"
  | "ERR_SAFETENSORS_OFFSETS"
  | "ERR_SAFETENSORS_SIZE"
  | "ERR_SAFETENSORS_TRUNCATED"
  | "ERR_SAFETENSORS_NAME"
  | "ERR_SAFETENSORS_INDEX";

/** A safetensors file that cannot be used, with the file and, where one is known, the byte offset in it. */
export class SafetensorsError extends AccelerateError {
  readonly file: string;
  readonly offset: number | undefined;

  constructor(code: SafetensorsErrorCode, message: string, options: AccelerateErrorOptions & { readonly file: string; readonly offset?: number | undefined }) {
    super(code, `${options.file}: ${message}`, options);
    this.file = options.file;
    this.offset = options.offset;
  }
}
