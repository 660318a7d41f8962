// Checks of CUDA's kernels, compiled for the host, against the CPU's: driver <name> <seed> <cases>. Each case has random sizes and options; what differs is printed with the seed that shows it.
#include "cases.h"

int main(int count, char** arguments) {
  const checks::Checks& all = checks::all_checks();
  if (count != 4) {
    for (const auto& [name, check] : all) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = all.find(arguments[1]);
  if (found == all.end()) return 2;
  const uint64_t seed = std::strtoull(arguments[2], nullptr, 10), cases = std::strtoull(arguments[3], nullptr, 10);
  for (uint64_t i = 0; i < cases; i++) {
    checks::Random random(seed + i);
    try {
      found->second(random);
    } catch (const std::string& text) {
      std::printf("%s %llu 1: %s\n", arguments[1], static_cast<unsigned long long>(seed + i), text.c_str());
      return 1;
    }
  }
  return 0;
}
