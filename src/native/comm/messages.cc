// What a group says when it fails: which ranks, in which call, at which place, and where the missing ones were last.
#include "group.h"

#if defined(__linux__)
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace accelerate_ts::comm {
namespace {

constexpr const char* opNames[] = {"all-reduce", "reduce-scatter", "all-gather", "broadcast", "barrier", "shared memory", "joining"};
constexpr const char* reduceNames[] = {"sum", "mean", "max"};
constexpr std::pair<DType, const char*> dtypeNames[] = {{DType::float32, "float32"}, {DType::uint8, "uint8"},     {DType::int8, "int8"},
                                                        {DType::int32, "int32"},     {DType::int64, "int64"},     {DType::boolean, "bool"},
                                                        {DType::float16, "float16"}, {DType::float64, "float64"}, {DType::bfloat16, "bfloat16"}};

const char* nameOfOp(Op op) {
  const auto index = static_cast<size_t>(op);
  return index < std::size(opNames) ? opNames[index] : "unknown call";
}

const char* nameOfDType(DType dtype) {
  for (const auto& [known, name] : dtypeNames)
    if (known == dtype) return name;
  return "unknown type";
}

/// "float32 [12]"; empty where nothing is carried.
std::string contents(const Call& call) {
  if (call.op == Op::barrier || call.op == Op::join) return "";
  return std::string(nameOfDType(call.dtype)) + " [" + std::to_string(call.count) + "]";
}

std::string at(const Call& call) { return call.site[0] == 0 ? "" : std::string(" at ") + call.site; }

/// "350 ms", "12.4 s"
std::string duration(int64_t ns) {
  char text[32];
  if (ns < 1000 * kMillisecond) std::snprintf(text, sizeof text, "%lld ms", static_cast<long long>(ns / kMillisecond));
  else std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(ns) / 1e9);
  return text;
}

/// Op and contents: what usually differs.
bool sameShape(const Call& a, const Call& b) { return a.op == b.op && a.dtype == b.dtype && a.count == b.count && a.sequence == b.sequence; }
bool sameCall(const Call& a, const Call& b) { return sameShape(a, b) && a.reduce == b.reduce && a.root == b.root; }

/// "all-gather 12 int32 [8]", with the reduction or the root where only they differ.
std::string brief(const Call& call, bool details) {
  std::string text = std::string(nameOfOp(call.op)) + " " + std::to_string(call.sequence);
  const std::string carried = contents(call);
  if (!carried.empty()) text += " " + carried;
  if (!details) return text;
  const auto reduce = static_cast<size_t>(call.reduce);
  if (reduce < std::size(reduceNames)) text += std::string(" ") + reduceNames[reduce];
  if (call.root >= 0) text += " from " + std::to_string(call.root);
  return text;
}

}  // namespace

/// "rank 1", "ranks 0, 1 and 3"
std::string Group::list(const std::vector<int>& ranks) const {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); i++) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(nameOf(ranks[i]));
  }
  return text;
}

std::string Group::describe(const Call& call) const {
  std::string inside = call.purpose;
  const std::string carried = contents(call);
  if (!inside.empty() && !carried.empty()) inside += ", ";
  inside += carried;
  // Joining has no number: it comes before the first call.
  std::string text = nameOfOp(call.op);
  if (call.op != Op::join) text += " " + std::to_string(call.sequence);
  return inside.empty() ? text : text + " (" + inside + ")";
}

Fault Group::mismatch() const {
  struct Path {
    Call call;
    std::vector<int> ranks;
  };
  std::vector<Path> paths;
  std::vector<std::string> sites;
  bool shapesDiffer = false;
  for (int r = 0; r < size_; r++) {
    if (!reached(r, first_)) continue;
    Call call;
    std::memcpy(static_cast<void*>(&call), &slot(r).calls[first_ & 1], sizeof call);
    call.site[kSiteChars - 1] = call.purpose[kPurposeChars - 1] = 0;
    auto path = std::find_if(paths.begin(), paths.end(), [&](const Path& known) { return sameCall(known.call, call); });
    if (path == paths.end()) {
      if (!paths.empty() && !sameShape(paths[0].call, call)) shapesDiffer = true;
      path = paths.insert(paths.end(), Path{call, {}});
    }
    path->ranks.push_back(r);
    if (call.site[0] != 0 && std::find(sites.begin(), sites.end(), call.site) == sites.end()) sites.emplace_back(call.site);
  }
  if (paths.size() < 2) return {};
  std::string message;
  for (const Path& path : paths) message += (message.empty() ? "" : "; ") + list(path.ranks) + ": " + brief(path.call, !shapesDiffer);
  message += ": the ranks have taken different paths";
  for (size_t i = 0; i < sites.size(); i++) message += (i == 0 ? " (" : ", ") + sites[i];
  if (!sites.empty()) message += ")";
  // The few are named as the cause; where there is no majority, all are.
  const auto largest = std::max_element(paths.begin(), paths.end(), [](const Path& a, const Path& b) { return a.ranks.size() < b.ranks.size(); });
  const bool majority = std::count_if(paths.begin(), paths.end(), [&](const Path& path) { return path.ranks.size() == largest->ranks.size(); }) == 1;
  std::vector<int> causes;
  for (const Path& path : paths)
    if (!majority || &path != &*largest)
      for (const int r : path.ranks) causes.push_back(nameOf(r));
  std::sort(causes.begin(), causes.end());
  return {"ERR_COLLECTIVE_MISMATCH", message, causes};
}

/// The ranks that have entered the call of this one and not left it.
std::vector<int> Group::waiters() const {
  std::vector<int> ranks;
  for (int r = 0; r < size_; r++) {
    const Glimpse glimpse = look(r);
    if (r == rank_ || (glimpse.waiting && glimpse.state == RankState::here && glimpse.call.sequence == call_.sequence)) ranks.push_back(r);
  }
  return ranks;
}

std::string Group::lastSeen(int rank) const {
  const Glimpse glimpse = look(rank);
  const std::string ago = duration(monotonic() - glimpse.since);
  if (glimpse.call.sequence == 0) return "it has made no call yet";
  const std::string call = describe(glimpse.call) + at(glimpse.call);
  if (glimpse.waiting && glimpse.call.sequence == call_.sequence) return "it came " + ago + " ago but does not go on";
  if (glimpse.waiting) return "it is in " + call + " for " + ago;
  return "it is in code of its own since " + call + ", " + ago + " ago";
}

Fault Group::lost(int rank, const std::string& what, const std::string& why) const {
  std::vector<int> waiting = waiters();
  waiting.erase(std::remove(waiting.begin(), waiting.end(), rank), waiting.end());
  const std::string wait = waiting.size() == 1 ? " waits in " : " wait in ";
  return {"ERR_PEER_LOST", "rank " + std::to_string(nameOf(rank)) + " " + what + " (" + why + ") while " + list(waiting) + wait + describe(call_) + at(call_), {nameOf(rank)}};
}

Fault Group::timedOut(uint32_t stage) const {
  std::vector<int> missing, names;
  for (int r = 0; r < size_; r++) {
    if (reached(r, stage)) continue;
    missing.push_back(r);
    names.push_back(nameOf(r));
  }
  std::string message = describe(call_) + at(call_) + " was given up after " + duration(timeout_) + ": " + list(missing) + (missing.size() == 1 ? " has not come: " : " have not come: ");
  for (size_t i = 0; i < missing.size(); i++) {
    if (missing.size() > 1) message += (i > 0 ? "; rank " : "rank ") + std::to_string(nameOf(missing[i])) + ": ";
    message += lastSeen(missing[i]);
  }
  return {"ERR_COLLECTIVE_TIMEOUT", message, names};
}

}  // namespace accelerate_ts::comm
#endif
