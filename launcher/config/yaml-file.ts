// The YAML file that `config` writes: settings are changed in place, comments and the order of keys stay.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname, extname } from "node:path";
import { Document, isMap, isScalar, type Pair, parseDocument, Scalar, visit } from "yaml";
import { AccelerateError } from "../../src/errors.js";
import { readSwitch } from "../../src/settings.js";
import { settingOfKey, snakeCase } from "../options/names.js";
import { unreadable } from "../options/load-settings.js";
import { shownPath } from "../options/locations.js";
import { entriesOfYaml } from "../options/read-yaml.js";
import { resolveSettings } from "../options/resolve.js";
import { type SettingName, settingOf, type SettingValues } from "../options/settings.js";
import { UsageError } from "../usage.js";

const HEADER = " Settings of accelerate-ts launch. Flags, variables and an accelerate.config.ts come before them: accelerate-ts config show";

export class YamlFile {
  readonly path: string;
  /** As it is shown to people. */
  readonly name: string;
  readonly exists: boolean;
  #document: Document;

  /** @throws UsageError when it is no such file, or cannot be read. */
  constructor(path: string) {
    this.name = shownPath(path);
    if (![".yaml", ".yml"].includes(extname(path))) throw new UsageError(`${this.name}: config writes files that end in .yaml or .yml`);
    let text: string;
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat && !stat.isFile()) throw new UsageError(`${this.name}: not a file`);
      this.exists = stat !== undefined;
      this.path = this.exists ? realpathSync(path) : path; // a link stays one
      text = this.exists ? readFileSync(path, "utf8") : "";
    } catch (error) {
      throw error instanceof UsageError ? error : unreadable(this.name, error);
    }
    entriesOfYaml(text, this.name);
    this.#document = parseDocument(text);
    // A value that others refer to may be changed: each gets its own.
    visit(this.#document, { Alias: (_, alias) => this.#document.createNode(alias.resolve(this.#document)?.toJS(this.#document)) });
    if (!isMap(this.#document.contents)) this.clear();
  }

  /** Forgets all that is there. */
  clear(): void {
    this.#document = new Document({});
    this.#document.commentBefore = HEADER;
  }

  #pair(name: SettingName): Pair | undefined {
    const { contents } = this.#document;
    return isMap(contents) ? contents.items.find(({ key }) => settingOfKey(String(isScalar(key) ? key.value : key)) === name) : undefined;
  }

  has(name: SettingName): boolean {
    return this.#pair(name) !== undefined;
  }

  /** In place; a new key comes last, with what it means. */
  set(name: SettingName, value: unknown): void {
    const pair = this.#pair(name);
    const node = new Scalar(value);
    if (readSwitch(value) !== undefined && typeof value === "string") node.type = "QUOTE_SINGLE"; // Python's YAML takes a bare no for false
    if (pair && isScalar(pair.value)) {
      node.comment = pair.value.comment ?? null;
      node.commentBefore = pair.value.commentBefore ?? null;
      node.spaceBefore = pair.value.spaceBefore ?? false;
    } else if (!pair) node.comment = ` ${settingOf(name).summary}`;
    if (pair) pair.value = node;
    else this.#document.set(snakeCase(name), node);
  }

  #text(): string {
    return this.#document.toString({ lineWidth: 0 });
  }

  /** @throws UsageError for what a launch would refuse. */
  get values(): SettingValues {
    return resolveSettings({ files: [{ name: this.name, path: this.path, entries: entriesOfYaml(this.#text(), this.name) }] }).values;
  }

  /**
   * All or nothing, also when the machine goes down meanwhile.
   * @throws UsageError for what a launch would refuse, AccelerateError where nothing can be written.
   */
  save(): void {
    void this.values;
    const folder = dirname(this.path);
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      mkdirSync(folder, { recursive: true });
      const file = openSync(temporary, "w", this.exists ? statSync(this.path).mode & 0o777 : 0o666);
      try {
        writeSync(file, this.#text());
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new AccelerateError("ERR_CONFIG_WRITE", `${this.name} was not written: ${(error as Error).message}`, { cause: error });
    }
  }
}
