// What the jobs of optimizer kernels have in common: memory and places come as typed arrays, constants as a Float64Array of rows in the order of the kernel's struct
// (kernels/optimizer.h, kernels/adafactor.h). Nothing is computed on the JS thread but the bounds of the places.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "job.h"
#include "kernels/optimizer.h"
#include "objects.h"

namespace accelerate_ts {

constexpr size_t range_fields = 4;
constexpr const char* bad_ranges = "a range of an optimizer kernel leaves its memory or names constants that were not given";

inline Napi::Value refuse(Napi::Env env, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, "ERR_ARGUMENT"));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

/// What every job here has: arrays that live as long as it, and ranges inside them.
class RangeJob : public Job {
 public:
  float* memory(const Napi::Value& value) {
    if (value.IsUndefined() || value.IsNull()) return nullptr;
    auto array = value.As<Napi::Float32Array>();
    keep(array);
    if (array.ElementLength() < limit_) limit_ = array.ElementLength();
    return array.Data();
  }
  /// Gradients: one array, or { arrays, factor } that are added up.
  const float* gradients(const Napi::Value& value) {
    if (value.IsTypedArray()) return memory(value);
    const auto object = value.As<Napi::Object>();
    sources_ = std::make_unique<GradientSources>();
    Napi::Array arrays;
    Napi::Number factor;
    bool whole = read(object, "arrays", arrays) && read(object, "factor", factor);
    if (whole) {
      sources_->factor = factor.FloatValue();
      sources_->count = std::min<size_t>(arrays.Length(), max_sources);
      Napi::Value array;
      for (uint32_t k = 0; whole && k < sources_->count; k++) {
        whole = read(arrays, k, array);
        if (whole) sources_->arrays[k] = memory(array);
      }
      whole = whole && rowsOf(object);
    }
    if (!whole) limit_ = 0;  // no range fits, and the job is refused
    return nullptr;
  }
  /// One array, with what is known of its rows or without.
  float* numbers(const Napi::Value& value) {
    const float* memory = gradients(value);
    return const_cast<float*>(sources_ ? sources_->arrays[0] : memory);
  }
  const RowBits* rows() const { return rows_.get(); }
  /// Whether all tables lie inside of the first `length` elements.
  bool rowsFit(size_t length) const {
    if (rows_) for (const RowTable& table : rows_->tables) if (table.end() > length) return false;
    return true;
  }
  /// Elements of the shortest array so far.
  size_t limit() const { return limit_; }
  /// To be called after memory(...). False: a range leaves the shortest array or names a row that is not there.
  bool ranges(const Napi::Value& value, size_t rows) {
    const auto array = value.As<Napi::Float64Array>();
    if (!rowsFit(limit_)) return false;
    ranges_.resize(array.ElementLength() / range_fields);
    for (size_t i = 0; i < ranges_.size(); i++) {
      const double* field = array.Data() + i * range_fields;
      if (!(field[0] >= 0 && field[1] >= 0 && field[0] + field[1] <= static_cast<double>(limit_) && field[2] >= 0 && field[2] < static_cast<double>(rows) && field[3] >= 0 && field[3] < 0x1p53)) return false;
      ranges_[i] = {static_cast<size_t>(field[0]), static_cast<size_t>(field[1]), static_cast<size_t>(field[2]), static_cast<uint64_t>(field[3])};
    }
    return true;
  }

 protected:
  std::vector<OptimizerRange> ranges_;
  std::unique_ptr<GradientSources> sources_;

 private:
  static constexpr size_t table_fields = 4;

  /// rows: { tables: Float64Array of (offset, rows, width, word), bits: Uint32Array per array, before?: Uint32Array, state?: Uint32Array }
  bool rowsOf(const Napi::Object& sources) {
    Napi::Value given;
    Napi::Float64Array tables;
    Napi::Array bits;
    if (!read(sources, "rows", given)) return false;
    if (!given.IsObject()) return true;
    const auto rows = given.As<Napi::Object>();
    if (!read(rows, "tables", tables) || !read(rows, "bits", bits) || bits.Length() < sources_->count) return false;
    rows_ = std::make_unique<RowBits>();
    size_t words = std::numeric_limits<size_t>::max();
    const auto words_of = [&](const Napi::Value& value) {
      auto array = value.As<Napi::Uint32Array>();
      keep(array);
      words = std::min(words, array.ElementLength());
      return static_cast<const uint32_t*>(array.Data());
    };
    Napi::Value array;
    for (uint32_t k = 0; k < sources_->count; k++) {
      if (!read(bits, k, array)) return false;
      rows_->bits[k] = words_of(array);
    }
    if (!read(rows, "before", array)) return false;
    if (array.IsTypedArray()) rows_->before = words_of(array);
    if (!read(rows, "state", array)) return false;
    if (array.IsTypedArray()) rows_->state = words_of(array);
    size_t at = 0;
    for (size_t i = 0; i + table_fields <= tables.ElementLength(); i += table_fields) {
      const double* field = tables.Data() + i;
      const RowTable table = {static_cast<size_t>(field[0]), static_cast<size_t>(field[1]), static_cast<size_t>(field[2]), static_cast<size_t>(field[3])};
      if (table.offset < at || table.rows == 0 || table.width == 0 || table.word + (table.rows + 31) / 32 > words) return false;
      at = table.end();
      rows_->tables.push_back(table);
    }
    sources_->rows = rows_.get();
    return true;
  }

  std::unique_ptr<RowBits> rows_;
  size_t limit_ = std::numeric_limits<size_t>::max();
};

/// The rows' constants as structs of floats.
template <typename Constants> std::vector<Constants> constants(const Napi::Value& value) {
  const auto array = value.As<Napi::Float64Array>();
  constexpr size_t fields = sizeof(Constants) / sizeof(float);
  std::vector<Constants> rows(array.ElementLength() / fields);
  auto* out = reinterpret_cast<float*>(rows.data());
  for (size_t i = 0; i < rows.size() * fields; i++) out[i] = static_cast<float>(array.Data()[i]);
  return rows;
}

/// The object that all optimizer kernels are functions of.
inline Napi::Object optimizer_kernels(Napi::Env env, Napi::Object exports) {
  Napi::Value known;
  if (read(exports, "optimizerKernels", known) && known.IsObject()) return known.As<Napi::Object>();
  Napi::Object made = Napi::Object::New(env);
  exports.Set("optimizerKernels", made);
  return made;
}

}  // namespace accelerate_ts
