// What the optional object of CUDA kernels offers the addon: launches on a stream, as plain C. All memory is the device's unless said otherwise; results are an error of CUDA's, 0 where the launch was queued.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accelerate_ts {
namespace cuda {

/// Changes with every struct below: an object of another version is not used.
constexpr uint32_t kernels_version = 3;

/// Of TensorProto.DataType.
enum Number : int32_t { number_float32 = 1, number_int32 = 6, number_int64 = 7, number_float16 = 10, number_bfloat16 = 16 };

/// The masks of the rows of a tensor, as DropoutRows in ../../kernels/dropout.h has them. key null: nothing is dropped.
struct Masks {
  const int64_t* key;     // int64 [4]
  const int64_t* places;  // int64 [rows, coordinates], or null: rows are where they lie in [.., size1, size2, columns]
  uint64_t size1, size2;
  uint32_t coordinates, site;
  float ratio;
};

struct DropoutCall { Number type; const void* x; void* y; uint64_t rows, columns; Masks masks; };

/// Arguments as in ../../kernels/layer_norm.h; mean and inverse are float32. x has `x_type`: that of the others, or a narrow one beside float32. narrow: y again, in that type; or null.
struct LayerNormCall { Number type, x_type; const void *x, *bias, *residual, *scale, *shift; void *y, *narrow, *sum; float *mean, *inverse; uint64_t rows, columns; float epsilon; Masks masks; };
/// dx, and `more`, have `x_type`. The gradient of y is the sum of dy and `more` up to the first null; `total` holds it then, as many numbers as dy. dbias needs dx. Both are scratch where nobody else wants them.
struct LayerNormGradCall {
  Number type, x_type;
  const void *dy, *dsum, *sum;
  const float *mean, *inverse;
  const void* scale;
  void *dx, *dresidual, *dscale, *dshift, *dbias;
  uint64_t rows, columns;
  Masks masks;
  const void* more[3];
  void* total;
};

struct GeluCall { Number type; const void *x, *bias; void* y; uint64_t rows, columns; bool tanh; };
struct GeluGradCall { Number type; const void *dy, *x, *bias; void *dx, *dbias; uint64_t rows, columns; bool tanh; };

constexpr uint32_t most_dims = 8;
/// The mask broadcasts: `dims` of the rows and the mask's steps for each, `step` along a row (0 or 1).
struct SoftmaxCall { Number type; const void *x, *bias; void* y; uint64_t rows, columns; uint32_t rank; uint64_t dims[most_dims], strides[most_dims], step; };
struct SoftmaxGradCall { Number type; const void *dy, *y; void* dx; uint64_t rows, columns; };

/// A label that is no class gives NaN. loss and lse have the logits' type; lse may be null.
struct CrossEntropyCall { Number type, labelType; const void *logits, *labels; void *loss, *lse; uint64_t rows, classes; int64_t ignore; float smoothing; };
struct CrossEntropyGradCall { Number type, labelType; const void *dloss, *logits, *labels, *lse; void* dlogits; uint64_t rows, classes; int64_t ignore; float smoothing; };

/// out [outer, rows, inner]; indices outside the table add nothing.
struct EmbeddingGradCall { Number type, indexType; const void *indices, *dy; void* out; uint64_t count, outer, rows, inner; int64_t padding; };

/// As PoolWindows in ../../kernels/max_pool.h.
struct MaxPoolGradCall { Number type; const void *x, *y, *dy; void* dx; uint64_t planes; int64_t in[3], out[3], kernel[3], stride[3], dilation[3], before[3]; };

/// As AttentionProblem in ../../kernels/attention.h. Keys are dense; queries are, too, or have places, sorted by batch entry: then `queries` counts all of them. `stats`: float32 [rows of q * heads * 3], scratch of
/// the gradient. Biases are vectors, added to each row of q, k and v; or null. Their gradients are float32, and need dq, dk and dv.
struct AttentionCall {
  Number type;
  const void *q, *k, *v, *bias, *q_bias, *k_bias, *v_bias;
  const int64_t* places;
  bool shared_bias;
  uint64_t batch, queries, keys, heads, size, value_size;
  float scale;
  bool causal;
  Masks masks;
  void *y, *lse;                    // forward; lse may be null
  const void* dy;                   // backward
  void *dq, *dk, *dv;
  float *dq_bias, *dk_bias, *dv_bias;
  float* stats;
};
/// Heads may be as large.
constexpr uint64_t most_head_size = 128;

/// Numbers of one type to another, `count` arrays at once. Host memory: `parts`.
struct CastPart { const void* from; void* into; uint64_t count; };
struct CastsCall { Number from, to; const CastPart* parts; uint64_t count; };

struct CopyCall { const void* from; void* into; uint64_t bytes; };

/// A part of flat memory that is updated with the constants of one row.
struct UpdateRange { uint64_t offset, length; uint32_t row; };
enum UpdateRule : int32_t { rule_adam = 0, rule_sgd = 1, rule_rmsprop = 2, rule_adagrad = 3, rule_lion = 4 };
constexpr uint32_t most_constants = 10;
/// Host memory: `ranges`, and `rows` of constants, `most_constants` numbers each, in the order of ../../kernels/optimizer.h. Values, gradients and states have one layout. States that a rule may lack are null.
struct UpdateCall { UpdateRule rule; float* values; const float* gradients; float* states[3]; const UpdateRange* ranges; uint64_t count; const float* rows; };

enum NormKind : int32_t { norm_squares = 0, norm_absolutes = 1, norm_maximum = 2, norm_power = 3 };
/// result: double [2], the value as in ../../kernels/optimizer.h and how many elements are not finite. scratch: as many doubles as `norm_scratch` says.
struct NormCall { const float* data; const UpdateRange* ranges; uint64_t count; NormKind kind; double exponent; double *scratch, *result; };
struct ScaleCall { float* data; const UpdateRange* ranges; uint64_t count; float factor; };
struct ClampCall { float* data; const UpdateRange* ranges; uint64_t count; float limit; };
/// into += from.
struct AddCall { float* into; const float* from; const UpdateRange* ranges; uint64_t count; };

struct Kernels {
  uint32_t version;
  /// The version of CUDA that it was compiled by, as 13000.
  uint32_t toolkit;
  int (*dropout)(const DropoutCall&, void* stream);
  int (*layer_norm)(const LayerNormCall&, void* stream);
  int (*layer_norm_grad)(const LayerNormGradCall&, void* stream);
  int (*gelu)(const GeluCall&, void* stream);
  int (*gelu_grad)(const GeluGradCall&, void* stream);
  int (*softmax)(const SoftmaxCall&, void* stream);
  int (*softmax_grad)(const SoftmaxGradCall&, void* stream);
  int (*cross_entropy)(const CrossEntropyCall&, void* stream);
  int (*cross_entropy_grad)(const CrossEntropyGradCall&, void* stream);
  int (*embedding_grad)(const EmbeddingGradCall&, void* stream);
  int (*max_pool_grad)(const MaxPoolGradCall&, void* stream);
  int (*attention)(const AttentionCall&, void* stream);
  int (*attention_grad)(const AttentionCall&, void* stream);
  int (*casts)(const CastsCall&, void* stream);
  int (*copy)(const CopyCall&, void* stream);
  int (*update)(const UpdateCall&, void* stream);
  uint64_t (*norm_scratch)(const UpdateRange* ranges, uint64_t count);
  int (*norm)(const NormCall&, void* stream);
  int (*scale)(const ScaleCall&, void* stream);
  int (*clamp)(const ClampCall&, void* stream);
  int (*add)(const AddCall&, void* stream);
};

/// The object's one symbol; null for a version that it has not.
extern "C" using KernelsOf = const Kernels*(uint32_t version);
constexpr const char* kernels_symbol = "accelerate_ts_cuda_kernels";

}  // namespace cuda
}  // namespace accelerate_ts
