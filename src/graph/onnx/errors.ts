// What can be wrong with an ONNX file.
import { AccelerateError, type AccelerateErrorOptions } from "../../errors.js";

export type OnnxErrorCode =
  /** The file ends inside a field. */
  | "ERR_ONNX_TRUNCATED"
  /** The bytes are no ONNX model, or its parts contradict each other. */
  | "ERR_ONNX_MALFORMED"
  /** An IR version or opset that the op table is not written for. */
  | "ERR_ONNX_VERSION"
  /** Ops that the op table does not have; the message lists them. */
  | "ERR_ONNX_OP"
  /** A dtype that the library does not have. */
  | "ERR_ONNX_DTYPE"
  /** Numbers that lie in another file. */
  | "ERR_ONNX_EXTERNAL"
  /** An If whose branch only the data decides. */
  | "ERR_ONNX_CONDITION"
  /** A node that its op cannot be: `cause` is the ShapeError or ArgumentError. */
  | "ERR_ONNX_NODE";

/** An ONNX file that cannot be read; `offset` is the byte of the file where it was noticed. */
export class OnnxError extends AccelerateError {
  declare readonly code: OnnxErrorCode;
  readonly offset: number;

  constructor(code: OnnxErrorCode, message: string, offset: number, options: AccelerateErrorOptions = {}) {
    super(code, `${message} (at byte ${offset})`, options);
    this.offset = offset;
  }
}

const broken: ReadonlySet<OnnxErrorCode> = new Set(["ERR_ONNX_MALFORMED", "ERR_ONNX_TRUNCATED"]);

/** Runs what reads a file; its OnnxErrors then name the file. */
export async function readingOnnx<T>(file: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof OnnxError)) throw cause;
    const { code, offset, message } = cause;
    const hint = broken.has(code) ? "no ONNX model (a page of a site, a pointer of git-lfs), or a damaged one: download it again" : cause.hint;
    throw new OnnxError(code, `${file}: ${message.replace(` (at byte ${offset})`, "")}`, offset, { cause, ...(hint !== undefined && { hint }) });
  }
}
