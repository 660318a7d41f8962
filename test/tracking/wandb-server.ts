// A server on loopback that speaks W&B's protocol as strictly as it is known: paths, authorization, GraphQL operations and their variables, line numbers of file_stream.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface StoredRun {
  readonly entity: string;
  readonly project: string;
  readonly name: string;
  displayName: string;
  tags: readonly string[];
  config: Readonly<Record<string, { readonly value: unknown }>>;
  readonly history: string[];
  readonly output: string[];
  summary: string;
  exitcode: number | undefined;
  heartbeats: number;
}
type Body = Readonly<Record<string, unknown>>;
class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
/** What is done to a request instead of an answer. "lost": it is carried out, and the answer does not arrive. */
export type Trouble = number | "hang" | "cut" | "lost";

/** Lines are JSON that knows NaN and infinities as bare words. */
const extended = (line: string): Body => JSON.parse(line.replaceAll(/:(NaN|-?Infinity)(?=[,}])/g, ":null")) as Body;

/** Names of the variables that the mutation declares must be those that are given, and used. */
function checkOperation(query: string, variables: Body): void {
  const [head = ""] = /\(([^)]*)\)/.exec(query) ?? [];
  const declared = [...head.matchAll(/\$(\w+):/g)].map(([, name]) => name!);
  for (const name of Object.keys(variables)) if (!declared.includes(name)) throw new Refusal(400, `variable $${name} is not declared`);
  const body = query.slice(query.indexOf(head) + head.length);
  for (const name of declared) if (!new RegExp(`\\$${name}\\b`).test(body)) throw new Refusal(400, `variable $${name} is never used`);
  if ((query.match(/[{(]/g) ?? []).length !== (query.match(/[})]/g) ?? []).length) throw new Refusal(400, "Syntax Error");
}

export class WandbServer implements AsyncDisposable {
  readonly apiKey = "0123456789abcdef0123456789abcdef01234567";
  readonly runs = new Map<string, StoredRun>();
  /** Operation or "file_stream", in order, with what happened. */
  readonly requests: string[] = [];
  readonly trouble: Trouble[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  url = "";

  static async start(port = 0): Promise<WandbServer> {
    const server = new WandbServer();
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    server.url = `http://127.0.0.1:${(server.#server.address() as AddressInfo).port}`;
    return server;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
  run(name: string): StoredRun {
    const run = this.runs.get(name);
    if (!run) throw new Error(`there is no run ${name}`);
    return run;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = (status: number, body: object): void => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const trouble = this.trouble.shift();
    if (trouble === "hang") return void this.requests.push("hang");
    if (trouble === "cut") {
      this.requests.push("cut");
      return void request.socket.destroy();
    }
    if (typeof trouble === "number") {
      this.requests.push(String(trouble));
      return void response.writeHead(trouble, { "content-type": "text/html" }).end("<html>trouble</html>");
    }
    try {
      const expected = `Basic ${Buffer.from(`api:${this.apiKey}`).toString("base64")}`;
      if (request.headers.authorization !== expected) throw new Refusal(401, "user is not logged in");
      if (request.method !== "POST" || request.headers["content-type"] !== "application/json") throw new Refusal(400, "POST JSON");
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Body;
      const result = this.#route(new URL(request.url!, this.url).pathname, body);
      if (trouble === "lost") return void request.socket.destroy();
      answer(200, result);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer(error.status, { errors: [{ message: error.message }] });
    }
  }

  #route(path: string, body: Body): object {
    if (path === "/graphql") {
      const { query, variables, operationName } = body as { query: string; variables: Body; operationName: string };
      if (!new RegExp(`^(query|mutation) ${operationName}\\b`).test(query)) throw new Refusal(400, `there is no operation ${operationName}`);
      checkOperation(query, variables);
      this.requests.push(operationName);
      if (operationName === "UpsertBucket") return { data: { upsertBucket: this.#upsert(variables) } };
      if (operationName === "RunResumeStatus") return { data: { model: this.#resume(variables) } };
      throw new Refusal(400, `Cannot query ${operationName}`);
    }
    const [, files, entity, project, name, stream, ...rest] = path.split("/").map(decodeURIComponent);
    if (files !== "files" || stream !== "file_stream" || rest.length > 0) throw new Refusal(404, `path ${path}`);
    const run = this.runs.get(name!);
    if (!run || run.entity !== entity || run.project !== project) throw new Refusal(404, "run not found");
    this.requests.push("file_stream");
    this.#stream(run, body);
    return { exitcode: null, limits: {} };
  }

  #upsert(input: Body): object {
    const name = String(input.name);
    if (input.project === undefined || input.name === undefined) throw new Refusal(400, "a run needs a name and a project");
    if (input.config !== undefined && typeof input.config !== "string") throw new Refusal(400, "config is a JSONString");
    const config = JSON.parse((input.config as string | undefined) ?? "{}") as StoredRun["config"];
    for (const [key, value] of Object.entries(config)) if (!("value" in value)) throw new Refusal(400, `config.${key} has no value`);
    const before = this.runs.get(name);
    const run: StoredRun = before ?? {
      entity: String(input.entity ?? "somebody"),
      project: String(input.project),
      name,
      displayName: "kind-bird-1",
      tags: [],
      config: {},
      history: [],
      output: [],
      summary: "{}",
      exitcode: undefined,
      heartbeats: 0,
    };
    this.runs.set(name, run);
    if (input.config !== undefined) run.config = config;
    if (input.displayName !== undefined) run.displayName = String(input.displayName);
    if (input.tags !== undefined) run.tags = input.tags as string[];
    return { bucket: this.#bucket(run), inserted: !before };
  }
  #bucket({ entity, project, name, displayName, history }: StoredRun): object {
    return { id: `UnVuOnYxOg${name}`, name, displayName, historyLineCount: history.length, project: { name: project, entity: { name: entity } } };
  }
  #resume({ name, project }: Body): object | null {
    const run = this.runs.get(String(name));
    if (!run || run.project !== project) return { id: "p", name: project, bucket: null };
    const internal = (run.config._wandb?.value ?? {}) as Body;
    const bucket = {
      ...this.#bucket(run),
      summaryMetrics: run.summary,
      logLineCount: run.output.length,
      eventsLineCount: 0,
      historyTail: JSON.stringify(run.history.slice(-1)),
      config: JSON.stringify(run.config),
      wandbConfig: JSON.stringify("t" in internal ? { t: internal.t } : {}),
    };
    return { id: "p", name: project, bucket };
  }

  #stream(run: StoredRun, body: Body): void {
    for (const key of Object.keys(body)) if (!["files", "complete", "exitcode"].includes(key)) throw new Refusal(400, `field ${key}`);
    const files = (body.files ?? {}) as Readonly<Record<string, { offset: number; content: string[] }>>;
    if (Object.keys(files).length === 0 && body.complete === undefined) run.heartbeats++;
    for (const [file, { offset, content }] of Object.entries(files)) {
      if (content.length === 0) throw new Refusal(400, `${file} without lines`);
      if (content.some((line) => line.length > 10 << 20)) throw new Refusal(400, "line too long");
      if (file === "wandb-summary.json") {
        if (offset !== 0 || content.length !== 1) throw new Refusal(400, "a summary is one line");
        extended(content[0]!);
        run.summary = content[0]!;
        continue;
      }
      const lines = file === "wandb-history.jsonl" ? run.history : file === "output.log" ? run.output : undefined;
      if (!lines) throw new Refusal(400, `file ${file}`);
      if (offset > lines.length) throw new Refusal(400, `${file}: a gap before line ${offset}, there are ${lines.length}`);
      if (lines === run.history) for (const line of content) if (typeof extended(line)._step !== "number") throw new Refusal(400, "_step");
      lines.splice(offset, content.length, ...content);
    }
    if (body.complete === true) {
      if (!Number.isInteger(body.exitcode)) throw new Refusal(400, "exitcode");
      run.exitcode = body.exitcode as number;
    } else if (run.exitcode !== undefined) run.exitcode = undefined;
  }
}
