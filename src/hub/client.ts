// Requests to the hub and to wherever it redirects: deadlines, the token only to the hub itself, and what a failed answer means.
import { readFile } from "node:fs/promises";
import { type HubSettings, hubSettings } from "../config.js";
import { speaks } from "../progress/speaks.js";
import { version } from "../version.js";
import { HubError } from "./errors.js";
import { failureOf, plainUrl } from "./failure.js";
import type { HubOptions, RepoType } from "./types.js";

/** Hosts that are the hub itself. */
const hubs = ["https://huggingface.co", "https://hf.co"];
const MAX_REDIRECTS = 20;
const redirects = [301, 302, 303, 307, 308];

export interface RequestOptions {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a byte. */
  readonly timeoutMs: number;
  /** The token goes along, as far as the hub's own hosts. */
  readonly authorized?: boolean;
  /** A redirect to another host is the answer. */
  readonly stayOnHub?: boolean;
}

/** An answer whose body is still to come. */
export class Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What answered, behind the redirects. */
  readonly url: string;
  readonly #response: Response;
  readonly #watch: Watch;
  constructor(response: Response, url: string, watch: Watch) {
    this.status = response.status;
    this.headers = response.headers;
    this.url = url;
    this.#response = response;
    this.#watch = watch;
  }
  /** The bytes as they come. @throws HubError ERR_HUB_CONNECTION when they stop before their end, or come no more */
  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    let count = 0;
    try {
      for await (const chunk of this.#response.body ?? []) {
        this.#watch.touch();
        count += (chunk as Uint8Array).length;
        yield chunk as Uint8Array;
      }
    } catch (error) {
      throw this.#watch.fault(error, `${plainUrl(this.url)}: the connection was cut after ${count} bytes`);
    } finally {
      await this.close();
    }
  }
  /** The whole body. @throws HubError ERR_HUB_CONTENT when it is longer than `limit` bytes */
  async text(limit: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.bytes()) {
      length += chunk.length;
      if (length > limit) throw new HubError("ERR_HUB_CONTENT", `${plainUrl(this.url)} answers more than ${limit} bytes`, { url: plainUrl(this.url) });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }
  /** Nothing more is wanted of it. */
  async close(): Promise<void> {
    this.#watch.end();
    // A body that is being read, or was, has nothing to cancel.
    if (this.#response.body && !this.#response.body.locked) await this.#response.body.cancel().catch(() => {});
  }
}

/** Ends a request that has stood still for too long, or that the user aborts. */
class Watch {
  readonly signal: AbortSignal;
  readonly #user: AbortSignal | undefined;
  readonly #silence: HubError;
  readonly #timer: NodeJS.Timeout;
  constructor(url: string, timeoutMs: number, user: AbortSignal | undefined) {
    const controller = new AbortController();
    this.#user = user;
    this.#silence = new HubError("ERR_HUB_CONNECTION", `${plainUrl(url)}: nothing came for ${timeoutMs / 1000} s`, { url: plainUrl(url) });
    this.#timer = setTimeout(() => controller.abort(this.#silence), timeoutMs);
    this.signal = user ? AbortSignal.any([user, controller.signal]) : controller.signal;
  }
  touch(): void {
    this.#timer.refresh();
  }
  end(): void {
    clearTimeout(this.#timer);
  }
  /** What an error of fetch is. */
  fault(error: unknown, message: string): unknown {
    this.end();
    if (this.#user?.aborted) return this.#user.reason;
    if (error instanceof HubError) return error;
    if (this.signal.aborted) return this.#silence;
    const { cause, message: said } = error as Error & { cause?: { code?: string; message?: string } };
    return new HubError("ERR_HUB_CONNECTION", `${message} (${cause?.code ?? cause?.message ?? said})`, { cause: error });
  }
}

/** What calls of one use of the hub share. */
export class HubClient {
  readonly settings: HubSettings;
  readonly endpoint: string;
  /** Nothing may be fetched. */
  readonly offline: boolean;
  readonly signal: AbortSignal | undefined;
  readonly options: HubOptions;
  #token: Promise<string | undefined> | undefined;

  constructor(options: HubOptions = {}, type: RepoType = "model") {
    this.options = options;
    this.settings = hubSettings();
    this.endpoint = options.endpoint?.replace(/\/+$/, "") ?? this.settings.endpoint;
    if (!/^https?:\/\//.test(this.endpoint) || !URL.canParse(this.endpoint))
      throw new HubError("ERR_HUB_NAME", `the hub's address is ${JSON.stringify(this.endpoint)}`, {
        hint: "set HF_ENDPOINT to an address as https://huggingface.co",
      });
    this.offline = options.localFilesOnly === true || (type === "dataset" ? this.settings.datasetsOffline : this.settings.offline);
    this.signal = options.signal;
  }

  /** Progress and warnings are for the first process of a job alone. */
  get speaks(): boolean {
    return speaks();
  }
  get showsProgress(): boolean {
    return this.options.progress !== false && this.settings.progress && this.speaks;
  }
  warn(message: string): void {
    if (this.speaks) console.warn(message);
  }

  /** Follows redirects; throws what a failed answer means. */
  async request(address: string, options: RequestOptions): Promise<Answer> {
    let url = new URL(address);
    const token = options.authorized ? await this.#readToken() : undefined;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#send(url, options, token);
      if (!redirects.includes(answer.status)) {
        if (answer.status < 400) return answer;
        const failure = await failureOf(answer, { token: token !== undefined, endpoint: this.endpoint });
        await answer.close();
        throw failure;
      }
      const target = answer.headers.get("location");
      if (!target || !URL.canParse(target, url.href)) {
        await answer.close();
        throw new HubError("ERR_HUB_HTTP", `${plainUrl(url.href)} redirects to nowhere`, { status: answer.status });
      }
      const next = new URL(target, url);
      if (!["http:", "https:"].includes(next.protocol)) {
        await answer.close();
        throw new HubError("ERR_HUB_HTTP", `${plainUrl(url.href)} redirects to ${next.protocol}`, { status: answer.status });
      }
      if (options.stayOnHub && !this.#isHub(next, new URL(address))) return answer;
      await answer.close();
      url = next;
    }
    throw new HubError("ERR_HUB_HTTP", `${plainUrl(address)} redirects more than ${MAX_REDIRECTS} times`);
  }

  async #send(url: URL, options: RequestOptions, token: string | undefined): Promise<Answer> {
    this.signal?.throwIfAborted();
    const watch = new Watch(url.href, options.timeoutMs, this.signal);
    const node = this.settings.telemetry ? `; node/${process.versions.node}` : "";
    const headers = {
      "user-agent": `accelerate-ts/${version}${node}`,
      // Sizes and ranges are those of the file itself.
      "accept-encoding": "identity",
      ...options.headers,
      ...(token && this.#isHub(url, undefined) ? { authorization: `Bearer ${token}` } : {}),
    };
    try {
      const response = await fetch(url.href, { method: options.method ?? "GET", headers, redirect: "manual", signal: watch.signal });
      watch.touch();
      return new Answer(response, url.href, watch);
    } catch (error) {
      throw watch.fault(error, `${plainUrl(url.href)} cannot be reached`);
    }
  }
  /** Where the token may go. */
  #isHub(url: URL, from: URL | undefined): boolean {
    return url.origin === from?.origin || url.origin === new URL(this.endpoint).origin || hubs.includes(url.origin);
  }

  #readToken(): Promise<string | undefined> {
    this.#token ??= this.#findToken();
    return this.#token;
  }
  async #findToken(): Promise<string | undefined> {
    const { token: wanted } = this.options;
    const { settings } = this;
    if (wanted === false || (wanted === undefined && !settings.implicitToken)) return undefined;
    const token = typeof wanted === "string" ? wanted : (settings.token ?? (await tokenOfFile(settings.tokenPath)));
    if (token === undefined && wanted === true)
      throw new HubError("ERR_HUB_TOKEN", "token: true needs a token, and there is none", {
        hint: `set HF_TOKEN, or log in with Python's hf auth login (${settings.tokenPath})`,
      });
    if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw new HubError("ERR_HUB_TOKEN", "the token holds characters that no token has");
    return token;
  }
}

async function tokenOfFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/[\r\n]/g, "").trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new HubError("ERR_HUB_TOKEN", `the token cannot be read from ${path} (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}
