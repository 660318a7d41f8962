// What all launches share: types of numbers, alignment, and how many blocks there are for rows.
#pragma once

#include "columns.h"
#include "masks.h"

namespace accelerate_ts {
namespace cuda {

/// As CUDA's invalid value.
constexpr int bad_call = 1;
/// Rows up to so many numbers are a warp's work, longer ones a block's.
constexpr uint64_t warp_columns = 1024;

template <typename... Pointers> bool aligned(Pointers... pointers) {
  uintptr_t all = 0;
  for (const uintptr_t at : {reinterpret_cast<uintptr_t>(pointers)...}) all |= at;
  return all % 16 == 0;
}
template <typename T> const T* in(const void* data) { return static_cast<const T*>(data); }
template <typename T> T* out(void* data) { return static_cast<T*>(data); }

/// Calls body with a number of the type; an error for another one.
template <typename Body> int by_type(Number type, const Body& body) {
  if (type == number_float32) return body(float());
  if (type == number_float16) return body(Half());
  if (type == number_bfloat16) return body(Bfloat16());
  return bad_call;
}

/// The same with a second type: the first one again, or a narrow one beside float32.
template <typename Body> int by_types(Number type, Number other, const Body& body) {
  if (type == other) return by_type(type, [&](auto number) { return body(number, number); });
  if (type != number_float32) return bad_call;
  if (other == number_float16) return body(float(), Half());
  if (other == number_bfloat16) return body(float(), Bfloat16());
  return bad_call;
}

constexpr size_t row_memory = reduction_bytes + key_bytes;
constexpr size_t tile_memory = ColumnTile::threads * sizeof(float);
/// Blocks for rows, by the threads of a team.
template <typename Kernel, uint32_t width> uint64_t row_blocks(uint64_t rows) { return pieces_of(rows, Kernel::threads / width); }
template <template <typename, uint32_t> class Kernel, typename T, typename Fill> int launch_rows(uint64_t rows, uint64_t columns, void* stream, const Fill& fill) {
  if (columns <= warp_columns) {
    typename Kernel<T, 32>::Args args;
    fill(args);
    return launch<Kernel<T, 32>>(args, row_blocks<Kernel<T, 32>, 32>(rows), row_memory, stream);
  }
  typename Kernel<T, 256>::Args args;
  fill(args);
  return launch<Kernel<T, 256>>(args, row_blocks<Kernel<T, 256>, 256>(rows), row_memory, stream);
}

}  // namespace cuda
}  // namespace accelerate_ts
