// MLflow's REST interface, version 2.0 of its API: requests with a deadline, tried again when the server is busy. Format: mlflow.org/docs/latest/rest-api.html.
import { setTimeout as sleep } from "node:timers/promises";
import { ArgumentError } from "../errors.js";
import { TrackingError } from "./tracker.js";

export interface MlflowServer {
  /** As in "http://127.0.0.1:5000". */
  readonly trackingUri: string;
  /** Sent as a bearer token. */
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Deadline of one try, in milliseconds. */
  readonly timeoutMs: number;
  /** Tries after the first one. */
  readonly retries: number;
}

/** Numbers as protobuf's JSON has them. */
export type MlflowNumber = number | "NaN" | "Infinity" | "-Infinity";
export interface Pair {
  readonly key: string;
  readonly value: string;
}
export interface Metric {
  readonly key: string;
  readonly value: MlflowNumber;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}
/** Request and reply of every call that is used. */
interface Calls {
  "experiments/get-by-name": {
    readonly request: { readonly experiment_name: string };
    readonly reply: { readonly experiment?: { readonly experiment_id?: string } };
  };
  "experiments/create": { readonly request: { readonly name: string }; readonly reply: { readonly experiment_id?: string } };
  "runs/create": {
    readonly request: { readonly experiment_id: string; readonly start_time: number; readonly run_name?: string; readonly tags: readonly Pair[] };
    readonly reply: { readonly run?: { readonly info?: { readonly run_id?: string } } };
  };
  "runs/log-batch": {
    readonly request: { readonly run_id: string; readonly metrics?: readonly Metric[]; readonly params?: readonly Pair[]; readonly tags?: readonly Pair[] };
    readonly reply: object;
  };
  "runs/update": {
    readonly request: { readonly run_id: string; readonly status: "RUNNING" | "FINISHED" | "FAILED"; readonly end_time?: number };
    readonly reply: object;
  };
}
const methods: { readonly [C in keyof Calls]: "GET" | "POST" } = {
  "experiments/get-by-name": "GET",
  "experiments/create": "POST",
  "runs/create": "POST",
  "runs/log-batch": "POST",
  "runs/update": "POST",
};
/** What a server that is busy or restarts answers. */
const busy: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
/** Calls that may reach the server twice without harm; a second runs/create would leave an empty run behind. */
const repeatable: ReadonlySet<keyof Calls> = new Set(["experiments/get-by-name", "experiments/create", "runs/log-batch", "runs/update"]);
const firstPauseMs = 250;
/** As much of an answer as a message shows. */
const shownCharacters = 300;

/** The server refused. */
export class MlflowError extends TrackingError {
  /** As in "RESOURCE_DOES_NOT_EXIST"; empty when the server said none. */
  readonly errorCode: string;
  constructor(message: string, errorCode: string) {
    super("ERR_TRACKER", message, { hint: "check the address of the MLflow server, and the user and token" });
    this.errorCode = errorCode;
  }
}

export class MlflowClient {
  readonly #server: MlflowServer;
  readonly #base: URL;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws ArgumentError when the address is none. */
  constructor(server: MlflowServer) {
    this.#server = server;
    const { trackingUri, token, username, password } = server;
    if (!URL.canParse(trackingUri) || !/^https?:$/.test(new URL(trackingUri).protocol))
      throw new ArgumentError(`trackingUri is "${trackingUri}"`, { hint: "give the http or https address of an MLflow server, such as http://127.0.0.1:5000" });
    this.#base = new URL(`${trackingUri.replace(/\/+$/, "")}/api/2.0/mlflow/`);
    const basic = username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
    const authorization = token === undefined ? basic : `Bearer ${token}`;
    this.#headers = { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) };
  }

  /**
   * One call.
   * @throws MlflowError when the server refuses; TrackingError ERR_TRACKER when it cannot be reached, after all tries.
   */
  async call<C extends keyof Calls>(name: C, request: Calls[C]["request"]): Promise<Calls[C]["reply"]> {
    const tries = repeatable.has(name) ? this.#server.retries + 1 : 1;
    for (let n = 1; ; n++) {
      try {
        const response = await this.#send(name, request);
        const text = await response.text();
        if (response.ok) return this.#parsed(name, text) as Calls[C]["reply"];
        if (n >= tries || !busy.has(response.status)) throw this.#refusal(name, response.status, text);
      } catch (cause) {
        if (cause instanceof TrackingError) throw cause;
        if (n >= tries) {
          const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
          throw new TrackingError("ERR_TRACKER", `${this.#base.origin} did not answer ${name} (${inner instanceof Error ? inner.message : inner})`, {
            cause,
            hint: "is the MLflow server running at this address?",
          });
        }
      }
      await sleep(firstPauseMs * 2 ** (n - 1));
    }
  }

  #send(name: keyof Calls, request: object): Promise<Response> {
    const url = new URL(name, this.#base);
    const signal = AbortSignal.timeout(this.#server.timeoutMs);
    if (methods[name] === "POST") return fetch(url, { method: "POST", headers: this.#headers, body: JSON.stringify(request), signal });
    for (const [key, value] of Object.entries(request)) url.searchParams.set(key, String(value));
    return fetch(url, { headers: this.#headers, signal });
  }
  #parsed(name: string, text: string): unknown {
    try {
      return JSON.parse(text === "" ? "{}" : text);
    } catch {
      throw new MlflowError(`${this.#base.origin} answered ${name} with something that is no JSON: ${text.slice(0, shownCharacters)}`, "");
    }
  }
  #refusal(name: string, status: number, text: string): MlflowError {
    let [code, message] = ["", text.slice(0, shownCharacters)];
    try {
      const body = JSON.parse(text) as { readonly error_code?: unknown; readonly message?: unknown };
      [code, message] = [String(body.error_code ?? ""), String(body.message ?? message).slice(0, shownCharacters)];
    } catch {
      // A proxy's page: shown as it is.
    }
    return new MlflowError(`MLflow refused ${name} with ${status}${code && ` ${code}`} (${message})`, code);
  }
}
