// Whatever is queued says which bytes it touches: bytes that another stream's operation touches without an order between the two are reported when they are queued, so a missing
// event is seen in every run, not only in unlucky ones.
#include <algorithm>
#include <mutex>
#include <set>

#include "streams.h"

namespace doubled {

void Clock::advance(size_t stream, uint64_t sequence) {
  if (stream >= at.size()) at.resize(stream + 1);
  at[stream] = std::max(at[stream], sequence);
}
void Clock::join(const Clock& other) {
  if (other.at.size() > at.size()) at.resize(other.at.size());
  for (size_t i = 0; i < other.at.size(); i++) at[i] = std::max(at[i], other.at[i]);
}

namespace {

/** Splits segments so that one begins and one ends at each bound, fills gaps; returns the first one of the range. */
std::map<size_t, Segment>::iterator carve(Allocation& held, size_t begin, size_t end) {
  auto& segments = held.segments;
  const auto split = [&](size_t at) {
    auto found = segments.upper_bound(at);
    if (found == segments.begin()) return;
    --found;
    if (found->first == at || found->second.end <= at) return;
    Segment tail = found->second;
    found->second.end = at;
    segments.emplace(at, std::move(tail));
  };
  split(begin);
  split(end);
  size_t at = begin;
  for (auto next = segments.lower_bound(begin); at < end;) {
    if (next == segments.end() || next->first >= end) {
      segments.emplace(at, Segment{end, {}, {}});
      break;
    }
    if (next->first > at) segments.emplace(at, Segment{next->first, {}, {}});
    at = next->second.end;
    ++next;
  }
  return segments.lower_bound(begin);
}

void race(const Allocation& held, size_t offset, const Access& earlier, bool earlierWrote, const Access& later, bool writes) {
  static std::set<std::pair<std::string, std::string>>& told = *new std::set<std::pair<std::string, std::string>>;
  if (told.size() > 50 || !told.insert({earlier.what, later.what}).second) return;
  violation("%s on stream %zu %s bytes that %s on stream %zu %s, and nothing orders the two (an event or a wait is missing): %s", later.what, later.stream, writes ? "writes" : "reads",
            earlier.what, earlier.stream, earlierWrote ? "writes" : "reads", describe(held.address + offset).c_str());
}

}  // namespace

void check(const Access& access, const Clock& clock, const Touch& touch) {
  Allocation* held = touch.bytes > 0 ? find(touch.address) : nullptr;
  if (held == nullptr) return;
  const size_t begin = size_t(static_cast<const char*>(touch.address) - held->address), end = std::min(begin + touch.bytes, held->bytes);
  const auto unordered = [&](const Access& earlier) { return earlier.what != nullptr && earlier.stream != access.stream && clock.of(earlier.stream) < earlier.sequence; };
  for (auto at = carve(*held, begin, end); at != held->segments.end() && at->first < end; ++at) {
    Segment& segment = at->second;
    if (unordered(segment.write)) race(*held, at->first, segment.write, true, access, touch.write);
    if (touch.write) {
      for (const Access& read : segment.reads)
        if (unordered(read)) race(*held, at->first, read, false, access, true);
      segment.write = access;
      segment.reads.clear();
    } else {
      const auto same = std::find_if(segment.reads.begin(), segment.reads.end(), [&](const Access& read) { return read.stream == access.stream; });
      if (same != segment.reads.end()) *same = access;
      else segment.reads.push_back(access);
    }
  }
}

bool quiet(const void* address, size_t bytes) {
  Allocation* held = find(address);
  if (held == nullptr) return true;
  const size_t begin = size_t(static_cast<const char*>(address) - held->address);
  const auto done = [&](const Access& access) {
    if (access.what == nullptr) return true;
    const auto stream = all[access.stream].lock();
    return !stream || stream->done >= access.sequence;
  };
  for (const auto& [at, segment] : held->segments) {
    if (at >= begin + bytes || segment.end <= begin) continue;
    if (!done(segment.write) || !std::all_of(segment.reads.begin(), segment.reads.end(), done)) return false;
  }
  return true;
}

const char* interned(const std::string& text) {
  static std::mutex& guarded = *new std::mutex;
  static std::set<std::string>& texts = *new std::set<std::string>;
  std::lock_guard<std::mutex> guard(guarded);
  return texts.insert(text).first->c_str();
}

}  // namespace doubled
