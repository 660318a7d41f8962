// Hidden states and attentions of the layers, for those who ask for them in the config.
import type { Tensor } from "../../tensor/index.js";
import type { TaskConfig } from "../loading/config.js";
import type { InnerStates } from "./types.js";

export function innerStates(config: TaskConfig, hidden: readonly Tensor[], attentions: readonly Tensor[]): InnerStates {
  return {
    ...(config.output_hidden_states && { hidden_states: hidden as readonly Tensor<3>[] }),
    ...(config.output_attentions && { attentions: attentions as readonly Tensor<4>[] }),
  };
}
