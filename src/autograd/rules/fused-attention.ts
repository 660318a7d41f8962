// The gradient of Attention: AttentionGrad computes the weights again.
import { AttentionParts, attentionInputs } from "../../graph/ops/fused-attention-parts.js";
import { unsupported } from "../errors.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";

const attention: GradientRule = ({ b, node, input, gradOut, needs }) => {
  const dy = gradOut(0);
  if (!dy || gradOut(1)) throw unsupported(node, "a loss that reads lse", "decompose the node first");
  const inputs = attentionInputs(node.inputs);
  const { keyBias, key, qPlaces, kPlaces } = inputs;
  const dense = [0, 1, 2].some(needs)
    ? b.ops("AttentionGrad", [dy, input(0), input(1), input(2), keyBias, key, qPlaces, kPlaces], node.attributes, {
        domain: "accelerate_ts",
        outputs: 3,
      })
    : [];
  // A bias that is trained is rare: its gradient is composed.
  const parts = keyBias && needs(3) ? new AttentionParts(b, node, inputs) : undefined;
  return [...[0, 1, 2].map((i) => dense[i]), parts?.biasGradient(parts.gradients(dy).scores, keyBias!)];
};

export const fusedAttentionGradients: readonly GradientDef[] = [{ op: "Attention", domain: "accelerate_ts", rule: attention }];
