// Makes the trackers that were asked for, by name or as they are; "all" are those that are configured.
import { ArgumentError } from "../errors.js";
import { checkTrackerOptions, factoryOf, isKnown, knownTrackers, type TrackerName, type TrackerOptions } from "./known.js";
import type { Tracker, TrackerContext, TrackerFactory } from "./tracker.js";

/** A tracker by name, one that is made already, or "all": every one that has what it needs (a logging directory, credentials, a server's address). */
export type LogWith = TrackerName | "all" | Tracker | (string & {});

/** Options of trackers by name. */
export type InitKwargs = { readonly [N in TrackerName]?: TrackerOptions[N] } & { readonly [name: string]: object | undefined };

const isTracker = (value: LogWith): value is Tracker => typeof value === "object" && value !== null;
export const nameOf = (item: LogWith): string => (isTracker(item) ? item.name : item);

export class Workshop {
  readonly #registered = new Map<string, TrackerFactory>();

  get names(): readonly string[] {
    return [...Object.keys(knownTrackers), ...this.#registered.keys()];
  }
  register(name: string, factory: TrackerFactory): void {
    if (name === "" || name === "all" || this.names.includes(name))
      throw new ArgumentError(`a tracker named "${name}" cannot be added`, { hint: `take a name that is free; taken are ${this.names.join(", ")}` });
    this.#registered.set(name, factory);
  }

  /**
   * `runs`: ids of runs to go on with, by tracker.
   * @throws ArgumentError for names that nobody has registered and options that do not fit.
   */
  async make(logWith: readonly LogWith[], context: TrackerContext, initKwargs: InitKwargs, runs: Readonly<Record<string, string>>): Promise<Tracker[]> {
    const asked = await this.#resolved(logWith, context, initKwargs);
    const names = asked.map(nameOf);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw new ArgumentError(`the tracker ${twice} is given twice`, { hint: "give each once" });
    const stray = Object.keys(initKwargs).find((name) => !names.includes(name));
    if (stray !== undefined) throw new ArgumentError(`initKwargs names "${stray}"`, { hint: `the trackers are ${names.join(", ") || "none"}` });
    for (const item of asked) if (typeof item === "string" && isKnown(item)) checkTrackerOptions(item, initKwargs[item] ?? {});
    const made: Tracker[] = [];
    for (const item of asked) {
      const tracker = isTracker(item) ? item : await this.#create(item, context, initKwargs[item] ?? {}, runs[item]);
      if (tracker.requiresLoggingDirectory && context.loggingDir === undefined)
        throw new ArgumentError(`the tracker ${tracker.name} writes files and has no place for them`, { hint: "give loggingDir (or projectDir)" });
      made.push(tracker);
    }
    return made;
  }

  async #resolved(logWith: readonly LogWith[], context: TrackerContext, initKwargs: InitKwargs): Promise<LogWith[]> {
    if (!logWith.includes("all")) return [...logWith];
    const others = logWith.filter((item) => item !== "all");
    const found: LogWith[] = [];
    for (const name of Object.keys(knownTrackers) as TrackerName[])
      if (!others.includes(name) && (await knownTrackers[name].configured(context, (initKwargs[name] ?? {}) as never))) found.push(name);
    return [...others, ...found];
  }

  async #create(name: string, context: TrackerContext, given: object, run: string | undefined): Promise<Tracker> {
    const known = isKnown(name);
    const factory = known ? factoryOf(name) : this.#registered.get(name);
    if (!factory)
      throw new ArgumentError(`there is no tracker "${name}"`, { hint: `there are ${this.names.join(", ")}; others are added with registerTracker` });
    const options = known && run !== undefined ? knownTrackers[name].goOn(given as never, run) : given;
    const tracker = await factory(context, options);
    // Under one name it is found, called and reported.
    if (tracker.name !== name)
      throw new ArgumentError(`the tracker registered as "${name}" calls itself "${tracker.name}"`, { hint: "give both the same name" });
    return tracker;
  }
}
