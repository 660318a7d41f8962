// Compiled programs that are kept: by structure, the one unused for longest goes first.
import type { Plan } from "./plan.js";
import { fits, type Program } from "./program.js";

/** How many are kept. */
const maxPrograms = 128;

/** A structure may have several programs, which assume different things of sizes and data. */
export class ProgramCache {
  readonly #programs = new Map<string, Program[]>();
  /** A structure names its parameters: once one of them is gone, it will not come again, and its programs' memory is given back. */
  readonly #dropped: FinalizationRegistry<string>;
  /** How many programs were taken in so far. */
  compiled = 0;
  /** How many of them are kept. */
  held = 0;

  /** `whenIdle` calls what it is given while no program runs. */
  constructor(whenIdle: (forget: () => Promise<void>) => void) {
    this.#dropped = new FinalizationRegistry((key) => whenIdle(() => this.#forget(key)));
  }

  /** A program that is valid for the sizes and the data of a plan; the structure counts as used. */
  find(key: string, plan: Plan): Program | undefined {
    const variants = this.#programs.get(key) ?? [];
    this.#programs.delete(key);
    this.#programs.set(key, variants);
    return variants.find((program) => fits(program, plan));
  }

  /** Behind a `find` that has found nothing. The newest structure stays, however many programs it has. */
  async keep(key: string, program: Program, plan: Plan): Promise<void> {
    const variants = this.#programs.get(key)!;
    this.compiled++;
    this.held++;
    // What serves only some data comes before what serves all.
    if (program.assumptions.length > 0) variants.unshift(program);
    else variants.push(program);
    for (const p of plan.parameters) this.#dropped.register(p, key);
    for (const oldest of this.#programs.keys()) {
      if (this.held <= maxPrograms || oldest === key) break;
      await this.#forget(oldest);
    }
  }

  /** Gives the memory of programs back; default: of all. */
  async clear(which: (key: string) => boolean = () => true): Promise<void> {
    for (const key of [...this.#programs.keys()]) if (which(key)) await this.#forget(key);
  }

  async #forget(key: string): Promise<void> {
    const programs = this.#programs.get(key) ?? [];
    this.#programs.delete(key);
    this.held -= programs.length;
    for (const { session, masks } of programs) {
      await session.close();
      await masks?.close();
    }
  }
}
