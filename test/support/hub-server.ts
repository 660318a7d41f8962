// A hub on this machine for tests: models and data sets over the protocol of huggingface.co, large files on a second port as its storage, and faults on demand.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Content = string | Uint8Array;
/** Files by name; `{ lfs }` lies in the storage. */
export type RepoFiles = Readonly<Record<string, Content | { readonly lfs: Content }>>;
type Kind = "models" | "datasets";

export interface RepoOptions {
  readonly type?: "model" | "dataset";
  /** Branch or other reference that is this commit; default main. */
  readonly revision?: string;
  /** Needs a token. */
  readonly private?: boolean;
  /** Needs a token that is in `granted`. */
  readonly gated?: boolean;
}
/** What goes wrong with the next answers to requests whose address matches. */
export interface Fault {
  readonly path: RegExp;
  readonly method?: "GET" | "HEAD";
  /** How often; default once. */
  readonly times?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of an answer with that status. */
  readonly body?: string;
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Nothing comes after so many bytes, until the server closes. */
  readonly stallAfter?: number;
  /** Every byte is another one. */
  readonly garbled?: boolean;
  /** The size that is told of the file. */
  readonly size?: number;
  /** The range that is asked for is ignored. */
  readonly whole?: boolean;
}
export interface SeenRequest {
  readonly host: "hub" | "storage";
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly range: string | undefined;
}

interface StoredFile {
  readonly bytes: Buffer;
  readonly lfs: boolean;
  /** Of git. */
  readonly blobId: string;
  readonly sha256: string;
}
interface Commit {
  readonly files: ReadonlyMap<string, StoredFile>;
}
interface StoredRepo {
  readonly commits: Map<string, Commit>;
  readonly refs: Map<string, string>;
  readonly options: RepoOptions;
}

const bytesOf = (content: Content): Buffer => Buffer.from(content as string);
const hex = (algorithm: "sha1" | "sha256", ...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
const isLarge = (content: Content | { readonly lfs: Content }): content is { readonly lfs: Content } => typeof content === "object" && "lfs" in content;

function stored(content: RepoFiles[string]): StoredFile {
  const lfs = isLarge(content);
  const bytes = bytesOf(lfs ? content.lfs : content);
  return { bytes, lfs, blobId: hex("sha1", `blob ${bytes.length}\0`, bytes), sha256: hex("sha256", bytes) };
}

export class HubServer implements AsyncDisposable {
  readonly url: string;
  readonly storageUrl: string;
  readonly requests: SeenRequest[] = [];
  /** Tokens that the hub knows; those that gated repositories are open to. */
  readonly tokens = new Set<string>();
  readonly granted = new Set<string>();
  /** Files per page of a listing. */
  pageSize = 1000;
  readonly #hub: Server;
  readonly #storage: Server;
  readonly #repos = new Map<string, StoredRepo>();
  readonly #moved = new Map<string, string>();
  #faults: { fault: Fault; left: number }[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(hub: Server, storage: Server) {
    [this.#hub, this.#storage] = [hub, storage];
    const address = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    [this.url, this.storageUrl] = [address(hub), address(storage)];
    hub.on("request", (request, response) => this.#answer("hub", request, response));
    storage.on("request", (request, response) => this.#answer("storage", request, response));
  }
  static async start(): Promise<HubServer> {
    const servers = [createServer(), createServer()] as const;
    for (const server of servers) await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return new HubServer(...servers);
  }
  async close(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes a commit of a repository, which is made with the first. Its id. */
  commit(repo: string, files: RepoFiles, options: RepoOptions = {}): string {
    const key = `${options.type ?? "model"}s/${repo}`;
    const known = this.#repos.get(key) ?? { commits: new Map(), refs: new Map(), options };
    const map = new Map(Object.entries(files).map(([name, content]) => [name, stored(content)]));
    const revision = options.revision ?? "main";
    const commit = hex("sha1", key, revision, ...[...map].flatMap(([name, file]) => [name, file.sha256]));
    known.commits.set(commit, { files: map });
    known.refs.set(revision, commit);
    this.#repos.set(key, known);
    return commit;
  }
  /** An old name of a repository, which redirects. */
  alias(from: string, to: string, type: "model" | "dataset" = "model"): void {
    this.#moved.set(`${type}s/${from}`, to);
  }
  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }
  /** Resolves when a request whose address matches has come. */
  async seen(path: RegExp): Promise<void> {
    while (!this.requests.some((request) => path.test(request.path))) await new Promise<void>((done) => this.#waiting.add(done));
  }
  /** Requests as "GET /path", without queries. */
  get log(): string[] {
    return this.requests.map(({ method, path }) => `${method} ${path.replace(/\?.*/, "")}`);
  }

  #answer(host: "hub" | "storage", request: IncomingMessage, response: ServerResponse): undefined {
    const path = request.url ?? "/";
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    this.requests.push({ host, method: request.method ?? "", path, token, range: request.headers.range });
    for (const done of this.#waiting) done();
    this.#waiting.clear();
    const found = this.#faults.find(({ fault, left }) => left > 0 && fault.path.test(path) && (fault.method ?? request.method) === request.method);
    if (found) found.left--;
    const fault = found?.fault;
    if (fault?.status) return this.#send(request, response, fault.status, fault.headers ?? {}, Buffer.from(fault.body ?? "a fault of the test"), undefined);
    const url = new URL(path, this.url);
    if (host === "storage") return this.#sendStored(request, response, url, fault);
    const api = /^\/api\/(models|datasets)\/(.+)\/(revision|tree)\/([^/]+)(?:\/(.+))?$/.exec(url.pathname);
    const file = /^\/(datasets\/)?([^/]+(?:\/[^/]+)?)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const kind = (api ? api[1] : file?.[1] ? "datasets" : "models") as Kind;
    const [name, revision] = api ? [api[2]!, decodeURIComponent(api[4]!)] : [file?.[2] ?? "", decodeURIComponent(file?.[3] ?? "")];
    if (!api && !file) return this.#refuse(request, response, 404, "", "Not found");
    const moved = this.#moved.get(`${kind}/${name}`);
    if (moved) return this.#send(request, response, 307, { location: path.replace(name, moved) }, Buffer.alloc(0), undefined);
    const repo = this.#open(request, response, kind, name, token);
    if (!repo) return;
    const id = repo.refs.get(revision) ?? revision;
    const commit = repo.commits.get(id);
    if (!commit) return this.#refuse(request, response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    if (api) return this.#sendListing(request, response, url, id, commit, api[3] === "tree" ? decodeURIComponent(api[5] ?? "") : undefined);
    this.#sendFile(request, response, id, commit.files.get(decodeURIComponent(file![4]!)), fault);
  }

  /** The repository, where the token may see it. */
  #open(request: IncomingMessage, response: ServerResponse, kind: Kind, name: string, token: string | undefined): StoredRepo | undefined {
    const repo = this.#repos.get(`${kind}/${name}`);
    const known = token !== undefined && this.tokens.has(token);
    if (token !== undefined && !known) this.#refuse(request, response, 401, "", "Invalid credentials in Authorization header");
    else if (!repo || (repo.options.private && !known))
      this.#refuse(request, response, known ? 404 : 401, "RepoNotFound", known ? "Repository not found" : "Invalid username or password.");
    else if (repo.options.gated && !(known && this.granted.has(token))) {
      const why = known ? "you are not in the authorized list" : "you must have access to it and be authenticated to access it";
      this.#refuse(request, response, known ? 403 : 401, "GatedRepo", `Access to ${name} is restricted, ${why}.`);
    } else return repo;
    return undefined;
  }
  #refuse(request: IncomingMessage, response: ServerResponse, status: number, code: string, message: string, commit?: string): undefined {
    const headers = { ...(code ? { "x-error-code": code } : {}), "x-error-message": message, ...(commit ? { "x-repo-commit": commit } : {}) };
    this.#send(request, response, status, { ...headers, "content-type": "application/json" }, Buffer.from(JSON.stringify({ error: message })), undefined);
  }
  #sendListing(request: IncomingMessage, response: ServerResponse, url: URL, id: string, { files }: Commit, tree: string | undefined): undefined {
    const json = (value: unknown, headers: Record<string, string> = {}) =>
      this.#send(request, response, 200, { "content-type": "application/json", ...headers }, Buffer.from(JSON.stringify(value)), undefined);
    if (tree === undefined)
      return json({ id: url.pathname.split("/").slice(3, -2).join("/"), sha: id, siblings: [...files.keys()].map((rfilename) => ({ rfilename })) });
    const folders = new Set(
      [...files.keys()].flatMap((name) =>
        name
          .split("/")
          .slice(0, -1)
          .map((_, i, parts) => parts.slice(0, i + 1).join("/")),
      ),
    );
    const entries = [
      ...[...folders].map((path) => ({ type: "directory", oid: hex("sha1", path), size: 0, path })),
      ...[...files].map(([path, file]) => ({
        type: "file",
        oid: file.blobId,
        size: file.bytes.length,
        path,
        ...(file.lfs ? { lfs: { oid: file.sha256, size: file.bytes.length, pointerSize: 130 } } : {}),
      })),
    ];
    const folder = tree === "" ? "" : `${tree}/`;
    const deep = url.searchParams.get("recursive") === "true";
    const below = entries.filter(({ path }) => path.startsWith(folder) && (deep || !path.slice(folder.length).includes("/")));
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", String(from + this.pageSize));
    json(below.slice(from, from + this.pageSize), from + this.pageSize < below.length ? { link: `<${next.href}>; rel="next"` } : {});
  }
  #sendFile(request: IncomingMessage, response: ServerResponse, commit: string, file: StoredFile | undefined, fault: Fault | undefined): undefined {
    if (!file) return this.#refuse(request, response, 404, "EntryNotFound", "Entry not found", commit);
    if (!file.lfs) return this.#send(request, response, 200, { "x-repo-commit": commit, etag: `"${file.blobId}"` }, file.bytes, fault, true);
    const headers = {
      "x-repo-commit": commit,
      "x-linked-etag": `"${file.sha256}"`,
      "x-linked-size": String(fault?.size ?? file.bytes.length),
      location: `${this.storageUrl}/${file.sha256}?X-Signature=secret`,
    };
    this.#send(request, response, 302, headers, Buffer.from("Found. Redirecting"), undefined);
  }
  #sendStored(request: IncomingMessage, response: ServerResponse, url: URL, fault: Fault | undefined): undefined {
    const all = [...this.#repos.values()].flatMap((repo) => [...repo.commits.values()].flatMap((commit) => [...commit.files.values()]));
    const file = all.find(({ sha256 }) => url.pathname === `/${sha256}`);
    if (!file)
      return this.#send(request, response, 403, { "content-type": "application/xml" }, Buffer.from("<Error><Code>AccessDenied</Code></Error>"), undefined);
    this.#send(request, response, 200, { etag: `"${file.sha256.slice(0, 32)}"` }, file.bytes, fault, true);
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    status: number,
    headers: Readonly<Record<string, string>>,
    bytes: Buffer,
    fault: Fault | undefined,
    ranges = false,
  ): undefined {
    const range = ranges && !fault?.whole ? /^bytes=(\d+)-$/.exec(request.headers.range ?? "") : null;
    const from = range ? Number(range[1]) : 0;
    if (range && from >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    const body = fault?.garbled ? Buffer.from(bytes.subarray(from).map((byte) => byte ^ 0xff)) : bytes.subarray(from);
    response.writeHead(range ? 206 : status, {
      "accept-ranges": "bytes",
      ...headers,
      "content-length": body.length,
      ...(range ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    const stop = fault?.cutAfter ?? fault?.stallAfter;
    if (request.method === "HEAD") response.end();
    else if (stop === undefined) response.end(body);
    // The head and these bytes have left before the connection ends.
    else response.write(body.subarray(0, stop), () => fault?.cutAfter !== undefined && response.socket?.end());
  }
}
