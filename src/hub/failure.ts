// What a failed answer of the hub means, in the hub's own words and with what to do.
import { HubError, type HubErrorCode } from "./errors.js";

/** An address without its query: signatures of storage hosts stand there. */
export function plainUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

const MAX_TEXT = 1 << 16;

interface FailedAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  text(limit: number): Promise<string>;
}

/** What the server says itself: a header, or an error of JSON or plain text. */
async function saidBy(answer: FailedAnswer): Promise<string> {
  const header = answer.headers.get("x-error-message");
  if (header) return header;
  // The body is a comment on the status; one that does not come to its end changes nothing.
  const body = await answer.text(MAX_TEXT).catch(() => "");
  const type = answer.headers.get("content-type") ?? "";
  if (/html|xml/i.test(type)) return "";
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return [error]
      .flat()
      .filter((line) => typeof line === "string")
      .join("; ")
      .slice(0, 500);
  } catch {
    return body.trim().slice(0, 500);
  }
}

/** Seconds to wait that the server names. */
export function retryAfterMs(headers: Headers): number | undefined {
  const limited = /r\s*=\s*0\s*;\s*t\s*=\s*(\d{1,6})/.exec(headers.get("ratelimit") ?? "");
  const text = limited?.[1] ?? headers.get("retry-after")?.trim();
  if (!text) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The hub answers so for a moment, not for good. */
const transientStatus = [408, 429, 500, 502, 503, 504];
/** Whether to try again. */
export const isTransient = (error: unknown): error is HubError =>
  error instanceof HubError && (error.code === "ERR_HUB_CONNECTION" || (error.code === "ERR_HUB_HTTP" && transientStatus.includes(error.status ?? 0)));

/** An answer that asks for patience, with the time it names. */
export class BusyError extends HubError {
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs: number | undefined, options: { readonly status: number; readonly url: string; readonly hint?: string }) {
    super("ERR_HUB_HTTP", message, options);
    this.name = "HubError";
    this.retryAfterMs = retryAfterMs;
  }
}

/** Errors that the hub names in x-error-code. */
const named: { readonly [code: string]: readonly [HubErrorCode, string, string] } = {
  RepoNotFound: [
    "ERR_HUB_REPOSITORY_NOT_FOUND",
    "repository not found",
    "check its id and whether it is a model or a data set; a private one needs a token: HF_TOKEN or the option token",
  ],
  GatedRepo: ["ERR_HUB_GATED", "the repository is gated", ""],
  RevisionNotFound: ["ERR_HUB_REVISION_NOT_FOUND", "revision not found", "check the branch, tag or commit"],
  EntryNotFound: ["ERR_HUB_ENTRY_NOT_FOUND", "no such file in the repository", "check its name"],
};

/** The page where access is asked for. */
function pageOf(endpoint: string, url: string): string {
  const path = new URL(url).pathname.replace(/^\/api\/models\//, "/").replace(/^\/api\//, "/");
  return endpoint + (/^(\/datasets)?\/[^/]+(\/(?!resolve\/|revision\/|tree\/)[^/]+)?/.exec(path)?.[0] ?? "");
}

export async function failureOf(answer: FailedAnswer, { token, endpoint }: { readonly token: boolean; readonly endpoint: string }): Promise<HubError> {
  const { status, headers } = answer;
  const url = plainUrl(answer.url);
  const said = await saidBy(answer);
  const text = (what: string) => `${url}: ${what} (${status}${said && !what.includes(said) ? `, ${said}` : ""})`;
  const code = headers.get("x-error-code") ?? "";
  const known = Object.hasOwn(named, code) ? named[code]! : undefined;
  if (known) {
    const access = token
      ? `ask for access at ${pageOf(endpoint, answer.url)}`
      : `give a token: HF_TOKEN or the option token; access is asked for at ${pageOf(endpoint, answer.url)}`;
    return new HubError(known[0], text(known[1]), { hint: known[0] === "ERR_HUB_GATED" ? access : known[2], status, url, headers });
  }
  if (status === 401 && /invalid (credentials|username or password|token)/i.test(said) && token)
    return new HubError("ERR_HUB_TOKEN", text("the hub does not take the token"), {
      hint: "check HF_TOKEN, the option token, or the file of `hf auth login`",
      status,
      url,
    });
  // The hub does not tell strangers whether there is such a repository.
  if (status === 401 && url.startsWith(endpoint))
    return new HubError("ERR_HUB_REPOSITORY_NOT_FOUND", text(named.RepoNotFound![1]), { hint: named.RepoNotFound![2], status, url });
  if (status === 404 && !code) return new HubError("ERR_HUB_ENTRY_NOT_FOUND", text("not found"), { status, url, headers });
  if (status === 403) return new HubError("ERR_HUB_HTTP", text("refused"), { hint: "check that the token may read this", status, url });
  if (transientStatus.includes(status))
    return new BusyError(text(status === 429 ? "too many requests" : "the server cannot answer now"), retryAfterMs(headers), { status, url });
  return new HubError("ERR_HUB_HTTP", text("an answer that was not expected"), { status, url });
}
