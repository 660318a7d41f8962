// A server on loopback that speaks MLflow's REST protocol: paths, fields, error codes and limits as its documentation has them.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Run {
  readonly experiment: string;
  readonly name: string | undefined;
  readonly startTime: number;
  status: string;
  endTime: number | undefined;
  readonly metrics: { readonly key: string; readonly value: number; readonly timestamp: number; readonly step: number }[];
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
}
type Body = Readonly<Record<string, unknown>>;

class Refusal extends Error {
  readonly status: number;
  readonly errorCode: string;
  constructor(status: number, errorCode: string, message: string) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
  }
}
const invalid = (message: string): Refusal => new Refusal(400, "INVALID_PARAMETER_VALUE", message);

export class MlflowServer implements AsyncDisposable {
  readonly experiments = new Map<string, string>();
  readonly runs = new Map<string, Run>();
  readonly requests: string[] = [];
  readonly authorizations = new Set<string | undefined>();
  /** Status codes for the next answers. */
  readonly trouble: number[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  uri = "";

  static async start(): Promise<MlflowServer> {
    const server = new MlflowServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    server.uri = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.uri);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.authorizations.add(request.headers.authorization);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const name = `${request.method} ${url.pathname}`;
    this.requests.push(name.replace("/api/2.0/mlflow/", ""));
    const trouble = this.trouble.shift();
    if (trouble !== undefined) return void response.writeHead(trouble).end("<html>busy</html>");
    try {
      const body = (chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : Object.fromEntries(url.searchParams)) as Body;
      const route = this.#routes[name];
      if (!route) throw new Refusal(404, "ENDPOINT_NOT_FOUND", name);
      if (request.method === "POST" && !request.headers["content-type"]?.startsWith("application/json")) throw invalid("content type");
      answer(200, route(body));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(error.status, { error_code: error.errorCode, message: error.message });
    }
  }

  readonly #routes: Readonly<Record<string, (body: Body) => object>> = {
    "GET /api/2.0/mlflow/experiments/get-by-name": ({ experiment_name: name }) => {
      const id = this.experiments.get(String(name));
      if (id === undefined) throw new Refusal(404, "RESOURCE_DOES_NOT_EXIST", `Could not find experiment with name '${name}'`);
      return { experiment: { experiment_id: id, name, lifecycle_stage: "active" } };
    },
    "POST /api/2.0/mlflow/experiments/create": ({ name }) => {
      if (this.experiments.has(String(name))) throw new Refusal(400, "RESOURCE_ALREADY_EXISTS", `Experiment '${name}' already exists.`);
      const id = String(this.experiments.size + 1);
      this.experiments.set(String(name), id);
      return { experiment_id: id };
    },
    "POST /api/2.0/mlflow/runs/create": ({ experiment_id, start_time, run_name, tags = [] }) => {
      if (![...this.experiments.values()].includes(String(experiment_id))) throw new Refusal(404, "RESOURCE_DOES_NOT_EXIST", "no experiment");
      const id = `run${this.runs.size}`;
      const pairs = (tags as { key: string; value: string }[]).map(({ key, value }) => [key, value] as const);
      this.runs.set(id, {
        experiment: String(experiment_id),
        name: run_name as string | undefined,
        startTime: start_time as number,
        status: "RUNNING",
        endTime: undefined,
        metrics: [],
        params: new Map(),
        tags: new Map(pairs),
      });
      return { run: { info: { run_id: id, run_uuid: id, status: "RUNNING" }, data: {} } };
    },
    "POST /api/2.0/mlflow/runs/log-batch": ({ run_id, metrics = [], params = [], tags = [] }) => {
      const run = this.#run(run_id);
      const lists = [metrics, params, tags] as [Run["metrics"], { key: string; value: string }[], { key: string; value: string }[]];
      const [m, p, t] = lists;
      if (m.length > 1000 || p.length > 100 || t.length > 100 || m.length + p.length + t.length > 1000) throw invalid("too many in a batch");
      for (const { key, value, timestamp, step } of m) {
        if (!/^[\p{L}\p{N}_\-. /]{1,250}$/u.test(key)) throw invalid(`Invalid metric name: ${key}`);
        if (!["NaN", "Infinity", "-Infinity"].includes(String(value)) && typeof value !== "number") throw invalid(`value ${value}`);
        if (!Number.isSafeInteger(timestamp) || !Number.isSafeInteger(step)) throw invalid("timestamp and step are integers");
        run.metrics.push({ key, value: Number(value), timestamp, step });
      }
      for (const { key, value } of p) {
        if (value.length > 6000) throw invalid("param value too long");
        if (run.params.has(key) && run.params.get(key) !== value) throw invalid("Changing param values is not allowed");
        run.params.set(key, value);
      }
      for (const { key, value } of t) run.tags.set(key, value);
      return {};
    },
    "POST /api/2.0/mlflow/runs/update": ({ run_id, status, end_time }) => {
      const run = this.#run(run_id);
      if (!["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"].includes(String(status))) throw invalid(`status ${status}`);
      run.status = String(status);
      run.endTime = end_time as number;
      return { run_info: { run_id, status } };
    },
  };
  #run(id: unknown): Run {
    const run = this.runs.get(String(id));
    if (!run) throw new Refusal(404, "RESOURCE_DOES_NOT_EXIST", `Run with id=${id} not found`);
    return run;
  }
}
