// Texts in shared memory: cut to their room, and read without trust in their end.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>

namespace accelerate_ts::comm {

inline void copyText(char* into, size_t room, const std::string& text) {
  size_t length = std::min(text.size(), room - 1);
  // No half characters.
  if (length < text.size()) while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) length--;
  std::memcpy(into, text.data(), length);
  into[length] = 0;
}

inline std::string boundedText(const char* text, size_t room) { return std::string(text, strnlen(text, room)); }

}  // namespace accelerate_ts::comm
