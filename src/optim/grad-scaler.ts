// Dynamic loss scaling, as torch.amp.GradScaler: large factors keep small gradients from vanishing in low precision, and one that was too large is backed off.
import { ArgumentError } from "../errors.js";

export interface GradScalerOptions {
  /** Factor of the loss at the start; default 65536. */
  readonly initScale?: number;
  /** The scale is multiplied by it after `growthInterval` steps without an overflow; above 1, default 2. */
  readonly growthFactor?: number;
  /** The scale is multiplied by it after an overflow; below 1, default 0.5. */
  readonly backoffFactor?: number;
  /** Default 2000. */
  readonly growthInterval?: number;
  /** false: the scale is 1, and no step is skipped. Default true. */
  readonly enabled?: boolean;
}

/** Names as in torch's state. */
export interface GradScalerState {
  readonly scale: number;
  readonly growth_factor: number;
  readonly backoff_factor: number;
  readonly growth_interval: number;
  readonly _growth_tracker: number;
}

const refuse = (what: string, hint: string): never => {
  throw new ArgumentError(`GradScaler: ${what}`, { code: "ERR_GRAD_SCALER", hint });
};

/**
 * The scale of losses. An Accelerator that was made with the option `gradScaler` multiplies every loss by it, divides gradients by it before they are read, clipped or used, and skips a step, on
 * all workers, whose gradients are not finite.
 *
 * @example
 * const scaler = new GradScaler({ growthInterval: 2 });
 * scaler.update({ overflow: true });
 * scaler.scale; // 32768
 */
export class GradScaler {
  readonly enabled: boolean;
  #scale: number;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  /** Steps without an overflow since the scale has changed. */
  #clean = 0;

  constructor({ initScale = 65536, growthFactor = 2, backoffFactor = 0.5, growthInterval = 2000, enabled = true }: GradScalerOptions = {}) {
    if (!(initScale > 0 && initScale < Number.POSITIVE_INFINITY)) refuse(`initScale is ${initScale}`, "give a finite number above 0");
    if (!(growthFactor > 1)) refuse(`growthFactor is ${growthFactor}`, "the growth factor must be > 1");
    if (!(backoffFactor > 0 && backoffFactor < 1)) refuse(`backoffFactor is ${backoffFactor}`, "the backoff factor must be above 0 and < 1");
    if (!Number.isInteger(growthInterval) || growthInterval < 1) refuse(`growthInterval is ${growthInterval}`, "give a whole number of at least 1");
    this.enabled = enabled;
    this.#scale = initScale;
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }

  /** The factor of the next loss. */
  get scale(): number {
    return this.enabled ? this.#scale : 1;
  }
  /** A step was made, or skipped because of an overflow. */
  update({ overflow }: { readonly overflow: boolean }): void {
    if (!this.enabled) return;
    this.#clean = overflow ? 0 : this.#clean + 1;
    if (overflow) this.#scale *= this.#backoffFactor;
    else if (this.#clean === this.#growthInterval) {
      this.#clean = 0;
      // As in torch: what float32 cannot hold is not reached.
      const grown = this.#scale * this.#growthFactor;
      if (Number.isFinite(Math.fround(grown))) this.#scale = grown;
    }
  }

  stateDict(): GradScalerState {
    return {
      scale: this.#scale,
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#clean,
    };
  }
  /** @throws ArgumentError ERR_GRAD_SCALER for what `stateDict` did not give. */
  loadStateDict(state: GradScalerState): void {
    const { scale, growth_factor, backoff_factor, growth_interval, _growth_tracker } = state;
    const positive = [scale, growth_factor, backoff_factor, growth_interval].every((x) => typeof x === "number" && x > 0 && x < Number.POSITIVE_INFINITY);
    if (!positive || !Number.isInteger(_growth_tracker) || _growth_tracker < 0)
      refuse(`the saved state ${JSON.stringify(state)} does not fit`, "load what stateDict gave, or what torch's GradScaler.state_dict() holds");
    this.#scale = scale;
    this.#growthFactor = growth_factor;
    this.#backoffFactor = backoff_factor;
    this.#growthInterval = growth_interval;
    this.#clean = _growth_tracker;
  }
}
