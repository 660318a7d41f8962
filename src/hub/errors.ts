// Errors of the hub: codes for what is missing or refused, with the status and address of the answer where there was one.
import { AccelerateError, type AccelerateErrorOptions } from "../errors.js";

export type HubErrorCode =
  /** No such repository, or a private one without a token for it. */
  | "ERR_HUB_REPOSITORY_NOT_FOUND"
  /** Its owner grants access one by one. */
  | "ERR_HUB_GATED"
  /** The token is not one. */
  | "ERR_HUB_TOKEN"
  | "ERR_HUB_REVISION_NOT_FOUND"
  /** No such file in the repository. */
  | "ERR_HUB_ENTRY_NOT_FOUND"
  /** Not in the cache, and nothing is or can be fetched. */
  | "ERR_HUB_LOCAL_ENTRY_NOT_FOUND"
  /** Another answer than expected. */
  | "ERR_HUB_HTTP"
  /** No answer, or none that came to its end. */
  | "ERR_HUB_CONNECTION"
  /** The bytes are not those that were promised. */
  | "ERR_HUB_CONTENT"
  /** A name that cannot be one of a repository, revision or file. */
  | "ERR_HUB_NAME"
  /** The cache cannot be read or written. */
  | "ERR_HUB_CACHE";

export interface HubErrorOptions extends AccelerateErrorOptions {
  readonly status?: number | undefined;
  readonly url?: string | undefined;
  readonly headers?: Headers | undefined;
}

/** The hub, or what we keep of it, does not give what is wanted. */
export class HubError extends AccelerateError {
  declare readonly code: HubErrorCode;
  /** Of the answer, where there was one. */
  declare readonly status: number | undefined;
  declare readonly url: string | undefined;
  /** Of the answer, where there was one. */
  declare readonly headers: Headers | undefined;
  constructor(code: HubErrorCode, message: string, options: HubErrorOptions = {}) {
    super(code, message, options);
    const { status, url } = options;
    Object.assign(this, { ...(status !== undefined && { status }), ...(url !== undefined && { url }) });
    // They would drown the message where errors are printed whole.
    Object.defineProperty(this, "headers", { value: options.headers, enumerable: false });
  }
}
