// W&B's server, as its own client speaks to it: GraphQL for the run, "file_stream" for its lines. Source of the protocol: github.com/wandb/wandb, core/internal/{runupserter,runbranch,filestream}.
import { ArgumentError } from "../errors.js";
import { version } from "../version.js";
import { PatientClient, type PatientOptions } from "./http.js";
import { TrackingError } from "./tracker.js";

export interface WandbServer {
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** What upsertBucket takes; undefined leaves the server's value as it is. */
export interface RunInput {
  readonly name: string;
  readonly project: string;
  readonly entity?: string | undefined;
  readonly groupName?: string | undefined;
  readonly displayName?: string | undefined;
  readonly notes?: string | undefined;
  readonly jobType?: string | undefined;
  readonly host?: string | undefined;
  readonly program?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** JSON of `{ name: { value } }`. */
  readonly config?: string | undefined;
}
/** The run as the server has it. */
export interface RunOnServer {
  readonly id: string;
  readonly name: string;
  readonly displayName?: string | null;
  readonly historyLineCount?: number | null;
  readonly project: { readonly name: string; readonly entity: { readonly name: string } };
}
/** What a run that is gone on with already holds. */
export interface RunBefore {
  readonly historyLineCount: number;
  readonly eventsLineCount: number;
  readonly logLineCount: number;
  /** JSON of a list of lines, the last ones. */
  readonly historyTail?: string | null;
  readonly summaryMetrics?: string | null;
  readonly config?: string | null;
  /** JSON with the key "t" once the run has started. */
  readonly wandbConfig?: string | null;
}
/** Lines for a file of the run, from line `offset` on: sent twice they are the same lines. */
export interface Chunk {
  readonly offset: number;
  readonly content: readonly string[];
}
export interface StreamRequest {
  readonly files?: Readonly<Record<string, Chunk>>;
  readonly complete?: boolean;
  readonly exitcode?: number;
}

const upsert = `mutation UpsertBucket(
  $name: String, $project: String, $entity: String, $groupName: String, $displayName: String, $notes: String, $config: JSONString,
  $host: String, $program: String, $jobType: String, $tags: [String!]
) {
  upsertBucket(input: {
    name: $name, modelName: $project, entityName: $entity, groupName: $groupName, displayName: $displayName, notes: $notes, config: $config,
    host: $host, jobProgram: $program, jobType: $jobType, tags: $tags
  }) {
    bucket { id name displayName project { name entity { name } } historyLineCount }
    inserted
  }
}`;
const resumeStatus = `query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id
    name
    entity { id name }
    bucket(name: $name, missingOk: true) {
      id name summaryMetrics logLineCount historyLineCount eventsLineCount historyTail config wandbConfig(keys: ["t"])
    }
  }
}`;
/** As much of an answer as a message shows. */
const shownCharacters = 300;

/** The server refused. */
export class WandbError extends TrackingError {
  constructor(message: string, hint = "check the API key, the entity and the project") {
    super("ERR_TRACKER", message, { hint });
  }
}

interface GraphqlAnswer {
  readonly data?: unknown;
  readonly errors?: readonly { readonly message?: unknown }[];
  readonly error?: unknown;
}
const shown = (text: string): string => {
  try {
    const { errors, error } = JSON.parse(text) as GraphqlAnswer;
    const message = errors?.map((e) => String(e.message)).join("; ") ?? (typeof error === "string" ? error : text);
    return message.slice(0, shownCharacters);
  } catch {
    // A proxy's page: shown as it is.
    return text.slice(0, shownCharacters);
  }
};

export class WandbClient {
  readonly #base: URL;
  readonly #client: PatientClient;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws ArgumentError when the address is none. */
  constructor({ baseUrl, apiKey }: WandbServer, patience: PatientOptions, onTrouble: (what: string, tries: number) => void) {
    if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
      throw new ArgumentError(`the address of W&B is "${baseUrl}"`, { hint: "give an http or https address, such as https://api.wandb.ai" });
    this.#base = new URL(`${baseUrl.replace(/\/+$/, "")}/`);
    this.#client = new PatientClient(patience, onTrouble);
    this.#headers = {
      authorization: `Basic ${Buffer.from(`api:${apiKey}`).toString("base64")}`,
      "content-type": "application/json",
      "user-agent": `accelerate-ts/${version}`,
    };
  }
  hurry(): void {
    this.#client.hurry();
  }

  /** Where a browser finds the run. */
  page({ name, project }: RunOnServer): string {
    const app = new URL(this.#base);
    if (app.hostname === "api.wandb.ai") app.hostname = "wandb.ai";
    return new URL([project.entity.name, project.name, "runs", name].map(encodeURIComponent).join("/"), app).href;
  }

  /** Makes the run, or changes what is known of it. @throws WandbError when the server refuses. */
  async upsert(run: RunInput, signal: AbortSignal): Promise<RunOnServer> {
    const { upsertBucket } = (await this.#graphql("UpsertBucket", upsert, run, signal)) as { readonly upsertBucket?: { readonly bucket?: RunOnServer } | null };
    const bucket = upsertBucket?.bucket;
    if (!bucket?.name || !bucket.project?.entity?.name) throw new WandbError("upsertBucket gave no run", "is this address a W&B server?");
    return bucket;
  }
  /** What there is of a run that has been started before; undefined when there is none. */
  async before(
    run: { readonly name: string; readonly project: string; readonly entity?: string | undefined },
    signal: AbortSignal,
  ): Promise<RunBefore | undefined> {
    const { name, project, entity } = run;
    const { model } = (await this.#graphql("RunResumeStatus", resumeStatus, { name, project, entity }, signal)) as {
      readonly model?: { readonly bucket?: RunBefore | null } | null;
    };
    const bucket = model?.bucket;
    return bucket && /"t":/.test(bucket.wandbConfig ?? "") ? bucket : undefined;
  }
  /** Lines of a run, or only a sign of life. @throws WandbError when the server refuses. */
  async stream({ name, project }: RunOnServer, request: StreamRequest, signal: AbortSignal): Promise<void> {
    const path = ["files", project.entity.name, project.name, name, "file_stream"].map(encodeURIComponent).join("/");
    await this.#post(path, request, signal);
  }

  async #graphql(operationName: string, query: string, variables: object, signal: AbortSignal): Promise<object> {
    const text = await this.#post("graphql", { operationName, query, variables }, signal);
    let answer: GraphqlAnswer;
    try {
      answer = JSON.parse(text) as GraphqlAnswer;
    } catch {
      throw new WandbError(`${this.#base.host} answered ${operationName} with something that is no JSON: ${shown(text)}`, "is this address a W&B server?");
    }
    if (answer.errors?.length || typeof answer.data !== "object" || answer.data === null) throw new WandbError(`W&B refused ${operationName} (${shown(text)})`);
    return answer.data;
  }
  async #post(path: string, body: object, signal: AbortSignal): Promise<string> {
    const { status, text } = await this.#client.ask(new URL(path, this.#base), { method: "POST", headers: this.#headers, body: JSON.stringify(body) }, signal);
    if (status >= 200 && status < 300) return text;
    throw new WandbError(`W&B refused ${path.replace(/^files\/.*\//, "")} with ${status} (${shown(text)})`);
  }
}
