// The table of custom ops: a file in ops/ and a line here.
#pragma once
#include "custom_op.h"

namespace accelerate_ts {

void attentionOps(std::vector<const CustomOp*>& ops);
void dropoutOps(std::vector<const CustomOp*>& ops);
void embeddingGradOps(std::vector<const CustomOp*>& ops);
void sparseEmbeddingGradOps(std::vector<const CustomOp*>& ops);
void gemmOps(std::vector<const CustomOp*>& ops);
void maxPoolOps(std::vector<const CustomOp*>& ops);
void layerNormOps(std::vector<const CustomOp*>& ops);
void geluOps(std::vector<const CustomOp*>& ops);
void softmaxOps(std::vector<const CustomOp*>& ops);
void crossEntropyOps(std::vector<const CustomOp*>& ops);
void orderOps(std::vector<const CustomOp*>& ops);
void tapOps(std::vector<const CustomOp*>& ops);

constexpr OpList kOps[] = {
    attentionOps,
    dropoutOps,
    embeddingGradOps,
    sparseEmbeddingGradOps,
    gemmOps,
    maxPoolOps,
    layerNormOps,
    geluOps,
    softmaxOps,
    crossEntropyOps,
    orderOps,
    tapOps,
};

}  // namespace accelerate_ts
