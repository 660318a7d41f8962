// Constants of updates in a device's memory: one copy up for all ranges of a step, and none where they are what they were.
import type { DeviceArray, DeviceContext } from "../../runtime/device-context.js";
import { graphsOf } from "../../tensor/index.js";

/** Constants that were sent. */
export interface SentConstants {
  /** One row of them. */
  row(index: number): DeviceArray;
  /** Resolves when they are there; what is queued on the device behind this call finds them. */
  readonly sending: Promise<void>;
}

interface Kept {
  readonly array: DeviceArray;
  readonly rows: Map<number, DeviceArray>;
  sent: Float32Array | undefined;
}

const done = Promise.resolve();

/** Where memory is flat. */
export class DeviceConstants {
  readonly #context: DeviceContext;
  /** By name and length. They keep their places, so that launches that were recorded find them. */
  readonly #kept = new Map<string, Kept>();

  constructor(context: DeviceContext) {
    this.#context = context;
  }

  /** `name`: who shares the memory; whoever comes next writes over it, behind what was queued before. */
  send(name: string, numbers: Float32Array, width: number): SentConstants {
    const key = `${name} ${numbers.length}`;
    const kept = this.#kept.get(key) ?? { array: this.#context.allocate("float32", [numbers.length]), rows: new Map(), sent: undefined };
    this.#kept.set(key, kept);
    const row = (index: number): DeviceArray => {
      const known = kept.rows.get(index) ?? this.#context.view(kept.array, index * width, [width]);
      kept.rows.set(index, known);
      return known;
    };
    const { sent } = kept;
    if (sent && numbers.every((x, i) => Object.is(x, sent[i]))) return { row, sending: done };
    kept.sent = numbers;
    const sending = graphsOf(this.#context)
      .queue(() => this.#context.upload([{ from: numbers, into: kept.array }]))
      .catch((error: unknown) => {
        kept.sent = undefined;
        throw error;
      });
    return { row, sending };
  }
}
