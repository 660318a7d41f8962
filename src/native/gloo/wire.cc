// The words for headers and faults.
#include "wire.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace accelerate_ts {
namespace {

constexpr const char* kCollectives[] = {"start", "all-reduce", "reduce-scatter", "all-gather", "broadcast", "barrier"};
constexpr const char* kReductions[] = {"", "sum", "mean", "max"};
constexpr std::pair<uint32_t, const char*> kDtypes[] = {{1, "float32"}, {2, "uint8"},    {3, "int8"},     {6, "int32"},    {7, "int64"},
                                                        {9, "bool"},    {10, "float16"}, {11, "float64"}, {16, "bfloat16"}};

const char* name(Collective collective) {
  const size_t index = static_cast<size_t>(collective);
  return index < std::size(kCollectives) ? kCollectives[index] : "an unknown collective";
}

const char* name(Reduce reduce) {
  const size_t index = static_cast<size_t>(reduce);
  return index < std::size(kReductions) ? kReductions[index] : "?";
}

const char* dtypeName(uint32_t dtype) {
  for (const auto& [number, text] : kDtypes) {
    if (number == dtype) return text;
  }
  return "";
}

std::string numbers(const Header& header) {
  return header.dtype == 0 ? "" : std::string(dtypeName(header.dtype)) + " [" + std::to_string(header.count) + "]";
}

// The other side's text may lack an end.
template <size_t N>
std::string text(const char (&field)[N]) {
  return std::string(field, strnlen(field, N));
}

template <class T>
bool differ(const std::vector<const Header*>& headers, T Header::*field) {
  return std::any_of(headers.begin(), headers.end(), [&](const Header* header) { return header->*field != headers[0]->*field; });
}

// The ranks whose call is not the one of most; all where there is no such one.
std::vector<int> odd(const std::vector<const Header*>& headers, const Names& names) {
  size_t most = 0, times = 0;
  bool tie = false;
  for (size_t i = 0; i < headers.size(); i++) {
    size_t alike = 0;
    bool first = true;
    for (size_t j = 0; j < headers.size(); j++) {
      if (!headers[j]->agrees(*headers[i])) continue;
      if (j < i) first = false;
      alike++;
    }
    if (!first) continue;
    if (alike == times) tie = true;
    if (alike > times) most = i, times = alike, tie = false;
  }
  std::vector<int> ranks;
  for (size_t i = 0; i < headers.size(); i++) {
    if (tie || !headers[i]->agrees(*headers[most])) ranks.push_back(names[i]);
  }
  return ranks;
}

}  // namespace

void copyText(char* to, size_t room, const std::string& text) {
  size_t length = std::min(text.size(), room - 1);
  if (length < text.size()) {
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) length--;
  }
  std::memcpy(to, text.data(), length);
  std::memset(to + length, 0, room - length);
}

Notice noticeOf(const Fault& fault) {
  Notice notice = {};
  notice.kind = Notice::Kind::kFault;
  notice.rankCount = static_cast<uint32_t>(std::min(fault.ranks.size(), std::size(notice.ranks)));
  std::copy_n(fault.ranks.begin(), notice.rankCount, notice.ranks);
  copyText(notice.code, sizeof(notice.code), fault.code);
  copyText(notice.message, sizeof(notice.message), fault.message);
  return notice;
}

Fault faultOf(const Notice& notice) {
  const size_t count = std::min<size_t>(notice.rankCount, std::size(notice.ranks));
  return {text(notice.code), text(notice.message), std::vector<int>(notice.ranks, notice.ranks + count)};
}

std::string describe(const Header& header) {
  // Its site holds the key.
  if (header.collective == Collective::kMeet) return "the start of the group";
  std::string details;
  for (const std::string& detail : {text(header.purpose), numbers(header)}) {
    if (!detail.empty()) details += (details.empty() ? "" : ", ") + detail;
  }
  const std::string site = text(header.site);
  return std::string(name(header.collective)) + " " + std::to_string(header.sequence) + (details.empty() ? "" : " (" + details + ")") +
         (site.empty() ? "" : " at " + site);
}

Fault mismatch(const std::vector<const Header*>& headers, const Names& names) {
  const bool paths = differ(headers, &Header::collective);
  const bool reductions = !paths && differ(headers, &Header::reduce);
  const bool roots = !paths && differ(headers, &Header::root);
  std::string calls, sites;
  for (size_t i = 0; i < headers.size(); i++) {
    const Header& header = *headers[i];
    const std::string of = numbers(header), site = header.collective == Collective::kMeet ? "" : text(header.site), purpose = text(header.purpose);
    calls += (i == 0 ? "" : "; ") + std::string("rank ") + std::to_string(names[i]) + ": " + name(header.collective) + " " + std::to_string(header.sequence);
    if (!of.empty()) calls += " " + of;
    if (reductions) calls += std::string(" (") + name(header.reduce) + ")";
    if (roots) calls += " (from " + std::to_string(header.root) + ")";
    if (!purpose.empty()) calls += " for " + purpose;
    if (!site.empty() && sites.find(site) == std::string::npos) sites += (sites.empty() ? "" : ", ") + site;
  }
  const std::string why = paths ? "the ranks have taken different paths" : "all ranks must make the same call";
  return {"ERR_COLLECTIVE_MISMATCH", calls + ": " + why + (sites.empty() ? "" : " (" + sites + ")"), odd(headers, names)};
}

std::string listed(const std::vector<int>& ranks) {
  std::string all = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); i++) all += (i == 0 ? "" : i + 1 < ranks.size() ? ", " : " and ") + std::to_string(ranks[i]);
  return all;
}

}  // namespace accelerate_ts
