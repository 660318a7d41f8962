// The ring of pinned slots.
#include "staging.h"

#include <algorithm>
#include <cstring>

namespace accelerate_ts::cuda {
namespace {

// Pieces begin at a border that suits the copy engines.
constexpr size_t kBorder = 256;

}  // namespace

std::string Staging::open(cudaStream_t stream) {
  stream_ = stream;
  for (Slot& slot : slots_) {
    void* memory = nullptr;
    std::string error = errorOf("cudaMallocHost", runtime()->cudaMallocHost(&memory, kSlotBytes));
    slot.memory.reset(static_cast<char*>(memory));
    if (error.empty()) error = makeEvent(slot.copied);
    if (!error.empty()) return error;
  }
  return {};
}

std::string Staging::reserve(size_t bytes, char*& memory, size_t& room) {
  Slot* slot = &slots_[current_];
  if (kSlotBytes - slot->used < std::min(bytes, kBorder) || slot->downloading == kPieces) {
    std::string error = close(*slot);
    current_ = (current_ + 1) % kSlots;
    slot = &slots_[current_];
    if (error.empty()) error = await(*slot);
    if (!error.empty()) return error;
  }
  memory = slot->memory.get() + slot->used;
  room = std::min(bytes, kSlotBytes - slot->used);
  slot->used = std::min(kSlotBytes, (slot->used + room + kBorder - 1) / kBorder * kBorder);
  return {};
}

std::string Staging::close(Slot& slot) {
  slot.pending = true;
  return errorOf("cudaEventRecord", runtime()->cudaEventRecord(slot.copied.get(), stream_));
}

std::string Staging::await(Slot& slot) {
  std::string error;
  if (slot.pending) error = errorOf("cudaEventSynchronize", runtime()->cudaEventSynchronize(slot.copied.get()));
  for (size_t i = 0; i < slot.downloading && error.empty(); i++) std::memcpy(slot.downloads[i].into, slot.downloads[i].from, slot.downloads[i].bytes);
  slot.pending = false;
  slot.used = slot.downloading = 0;
  return error;
}

std::string Staging::upload(void* into, const void* from, size_t bytes) {
  std::string error;
  for (size_t at = 0, room = 0; at < bytes && error.empty(); at += room) {
    char* memory = nullptr;
    error = reserve(bytes - at, memory, room);
    if (!error.empty()) break;
    std::memcpy(memory, static_cast<const char*>(from) + at, room);
    error = errorOf("cudaMemcpyAsync", runtime()->cudaMemcpyAsync(static_cast<char*>(into) + at, memory, room, cudaMemcpyHostToDevice, stream_));
  }
  return error;
}

std::string Staging::download(void* into, const void* from, size_t bytes) {
  std::string error;
  for (size_t at = 0, room = 0; at < bytes && error.empty(); at += room) {
    char* memory = nullptr;
    error = reserve(bytes - at, memory, room);
    if (!error.empty()) break;
    error = errorOf("cudaMemcpyAsync", runtime()->cudaMemcpyAsync(memory, static_cast<const char*>(from) + at, room, cudaMemcpyDeviceToHost, stream_));
    Slot& slot = slots_[current_];
    slot.downloads[slot.downloading++] = {static_cast<char*>(into) + at, memory, room};
  }
  return error;
}

std::string Staging::finish() {
  std::string error = close(slots_[current_]);
  // In the order of their filling, the current one last.
  for (size_t i = 1; i <= kSlots; i++) {
    Slot& slot = slots_[(current_ + i) % kSlots];
    const std::string failed = slot.downloading > 0 || &slot == &slots_[current_] ? await(slot) : std::string();
    if (error.empty()) error = failed;
  }
  // After a failure nothing may be written any more into memory that the caller has back.
  if (!error.empty()) for (Slot& slot : slots_) slot.downloading = 0;
  return error;
}

}  // namespace accelerate_ts::cuda
