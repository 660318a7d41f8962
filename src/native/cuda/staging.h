// Copies between memory of the host and a device by way of pinned memory: a ring of slots, each used again when the copies through it are done.
#pragma once
#include <array>
#include <string>

#include "cuda_runtime.h"

namespace accelerate_ts::cuda {

// One thread at a time. Errors are texts, empty when all went well.
class Staging {
 public:
  static constexpr size_t kSlots = 4;
  static constexpr size_t kSlotBytes = size_t{4} << 20;

  std::string open(cudaStream_t stream);

  // Returns when the bytes are in pinned memory; what is queued on the stream afterwards finds them on the device.
  std::string upload(void* into, const void* from, size_t bytes);
  // The bytes are there after the next `finish`.
  std::string download(void* into, const void* from, size_t bytes);
  // Waits for all downloads.
  std::string finish();

 private:
  static constexpr size_t kPieces = 64;
  struct Piece {
    void* into;
    const char* from;
    size_t bytes;
  };
  struct Slot {
    Pinned memory;
    Event copied;
    bool pending = false;  // copied was recorded and not waited for
    size_t used = 0;
    std::array<Piece, kPieces> downloads;
    size_t downloading = 0;
  };

  // Room in the current slot for at least a byte of `bytes`; how much there is.
  std::string reserve(size_t bytes, char*& memory, size_t& room);
  std::string close(Slot& slot);
  std::string await(Slot& slot);

  cudaStream_t stream_ = nullptr;
  std::array<Slot, kSlots> slots_;
  size_t current_ = 0;
};

}  // namespace accelerate_ts::cuda
