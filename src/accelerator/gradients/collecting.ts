// The first barrier of an exchange: which gradients there are, on which workers, and what they are divided by.
import type { CollectiveOptions } from "../../distributed/index.js";
import { AccelerateError } from "../../errors.js";
import { alone, type News, type Presence, tellPresence } from "./collected.js";
import type { ExchangeOptions } from "./exchange-options.js";
import type { LossScaling } from "./loss-scaling.js";
import type { Collected, GradientSums } from "./reduction.js";
import type { Treatment } from "./treatment.js";

interface Found extends Pick<News, "weight" | "scale"> {
  readonly presence: Presence;
}

export class Collecting {
  readonly #options: ExchangeOptions;
  readonly #treatment: Treatment;
  readonly #scaling: LossScaling;
  /** None where one worker is alone. */
  readonly #reduction: GradientSums | undefined;
  #presence: Presence | undefined;
  /** Writes of gradients up to the last backward that was told. */
  #told = 0;

  constructor(
    options: ExchangeOptions,
    { treatment, scaling, reduction }: { readonly treatment: Treatment; readonly scaling: LossScaling; readonly reduction: GradientSums | undefined },
  ) {
    this.#options = options;
    this.#treatment = treatment;
    this.#scaling = scaling;
    this.#reduction = reduction;
  }

  /** A backward was made with the scale. */
  told(): void {
    if (this.#scaling.enabled) this.#told = this.#writes;
  }
  /** Knows nothing of any parameter any more. */
  forget(): void {
    this.#presence = undefined;
  }
  get #writes(): number {
    return this.#options.placement.arenas.reduce((sum, { arena }) => arena.segments.reduce((own, s) => own + s.writes, sum), 0);
  }
  get #pending(): boolean {
    return this.#options.placement.arenas.some(({ arena }) => arena.segments.some((s) => this.#treatment.pending(s)));
  }

  /**
   * Tells the others which gradients there are here: the first of the two barriers. What was reduced and clipped before stays until a worker has made another backward into it;
   * all decide that alike, whatever else one of them has done meanwhile.
   */
  async collect(options: CollectiveOptions, { waits = true }: { readonly waits?: boolean } = {}): Promise<Collected> {
    if (this.#scaling.enabled && this.#writes !== this.#told)
      throw new AccelerateError(
        "ERR_UNSCALED",
        "loss.backward() was called where losses are scaled: its gradients would be divided by a scale that they never had",
        {
          hint: "call accelerator.backward(loss)",
        },
      );
    const { presence, weight, scale } = this.#reduction ? await this.#tell(waits, options) : await this.#look(options);
    // New parameters may have brought gradients along.
    this.told();
    return { ...presence, factor: weight > 0 ? 1 / (weight * (scale || 1)) : 0 };
  }
  async #tell(waits: boolean, options: CollectiveOptions): Promise<Found> {
    const { world, placement, accumulation, wishes, joining, early } = this.#options;
    await early?.join({ sends: !waits }, options);
    const tell = () => {
      const counts = !joining?.done || this.#pending;
      const news = { wishes: wishes?.mine() ?? 0, grown: placement.grown, weight: counts ? accumulation.weight : 0, scale: counts ? this.#scaling.used : 0 };
      return tellPresence(world, placement, { ...news, treatment: this.#treatment, before: this.#presence, early }, options);
    };
    await this.#reduction?.offer();
    let all = await tell();
    if (all.news.grown) {
      await placement.place({ late: true }, options);
      await this.#reduction?.offer();
      all = await tell();
    }
    wishes?.agreed(all.news.wishes);
    this.#presence = all.presence;
    for (const [arena, bits] of all.written) this.#treatment.settle(arena, bits);
    if (early) {
      const sums = await early.take((s) => all.changed.get(s.arena)?.[s.index] === 0);
      // A mean that a backward has failed over lies there no more.
      for (const s of sums.strays) this.#treatment.reduced.delete(s);
      this.#reduction?.take(sums);
      if (waits || sums.strays.size > 0) await early.arrived(options);
    }
    return { ...all.news, presence: all.presence };
  }
  /** One worker has nobody to ask. */
  async #look(options: CollectiveOptions): Promise<Found> {
    const { placement, accumulation, wishes } = this.#options;
    if (placement.grown) await placement.place({ late: true }, options);
    wishes?.agreed(wishes.mine());
    this.#treatment.settleAlone(this.#writes);
    return { presence: alone, weight: accumulation.weight, scale: this.#scaling.used };
  }
}
