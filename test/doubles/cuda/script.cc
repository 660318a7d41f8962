// What tests ask of the double (ACCELERATE_TS_DOUBLE_SCRIPT, a file of lines), and what it tells them (ACCELERATE_TS_DOUBLE_LOG, a folder: one file of JSON lines per process).
//   devices 4 | memory BYTES | delay MICROSECONDS | delay-every N | seed N | poison BYTE | compute 9.0 | driver 12040 | violations abort | peers fail
//   fail FUNCTION [nth=N] [every] [from=addon|provider|nccl|other] [rank=R] error=CODE [sticky] [async]
//   time launch|kernel|copy|network ...   (times.cc)
//   hang FUNCTION [nth=N] [from=...] [rank=R]
// FUNCTION: an exported name, or launch:PART-OF-A-KERNEL'S-NAME; launch:ncclCommInit, launch:ncclGroupEnd, launch:ncclCommFinalize are what goes on when the call has returned. The file may be rewritten at any time: counting starts anew.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "double.h"

namespace doubled {

std::mutex& lock = *new std::mutex;
std::condition_variable& progress = *new std::condition_variable;
Clock& host = *new Clock;
Totals& totals = *new Totals;

namespace {

struct Rule {
  std::string function;
  std::string from;
  uint64_t nth = 1;
  bool every = false;
  bool hang = false;
  bool sticky = false;
  bool async = false;
  int error = 0;
  uint64_t seen = 0;
};

/** Its own lock: rules are asked with and without the other one held. */
struct Script {
  std::mutex lock;
  struct timespec changed {};
  off_t size = -1;
  Settings settings;
  std::vector<Rule> rules;
  cudaError_t sticky = cudaSuccess;
};
Script& script = *new Script;

std::string variable(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

void readRule(std::istringstream& words, bool hang) {
  Rule rule;
  rule.hang = hang;
  words >> rule.function;
  std::string word;
  while (words >> word) {
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals), value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "nth") rule.nth = std::stoull(value);
    else if (key == "error") rule.error = std::stoi(value);
    else if (key == "from") rule.from = value;
    else if (key == "every") rule.every = true;
    else if (key == "sticky") rule.sticky = true;
    else if (key == "async") rule.async = true;
    else if (key == "rank") {
      if (variable("RANK") != value) return;
    } else {
      fprintf(stderr, "[double] unknown word in the script: %s\n", word.c_str());
      abort();
    }
  }
  script.rules.push_back(rule);
}

void refresh() {
  static const std::string path = variable("ACCELERATE_TS_DOUBLE_SCRIPT");
  if (path.empty()) return;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return;
  if (status.st_size == script.size && memcmp(&status.st_mtim, &script.changed, sizeof(script.changed)) == 0) return;
  script.size = status.st_size;
  script.changed = status.st_mtim;
  script.settings = Settings();
  script.rules.clear();
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key, value;
    if (!(words >> key) || key[0] == '#') continue;
    if (key == "fail" || key == "hang") {
      readRule(words, key == "hang");
      continue;
    }
    Settings& to = script.settings;
    if (key == "time") {
      if (to.times.read(words)) continue;
      fprintf(stderr, "[double] unknown line in the script: %s\n", line.c_str());
      abort();
    }
    words >> value;
    if (key == "devices") to.devices = std::stoi(value);
    else if (key == "memory") to.memory = std::stoull(value);
    else if (key == "delay") to.delay = unsigned(std::stoul(value));
    else if (key == "delay-every") to.delayEvery = unsigned(std::stoul(value));
    else if (key == "seed") to.seed = unsigned(std::stoul(value));
    else if (key == "poison") to.poison = std::stoi(value);
    else if (key == "driver") to.driver = std::stoi(value);
    else if (key == "violations") to.abortOnViolation = value == "abort";
    else if (key == "peers") to.remoteErrors = value == "fail";
    else if (key == "compute") sscanf(value.c_str(), "%d.%d", &to.computeMajor, &to.computeMinor);
    else {
      fprintf(stderr, "[double] unknown line in the script: %s\n", line.c_str());
      abort();
    }
  }
}

int logFile() {
  static const int file = [] {
    const std::string folder = variable("ACCELERATE_TS_DOUBLE_LOG");
    if (folder.empty()) return -1;
    return open((folder + "/" + std::to_string(getpid()) + ".jsonl").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }();
  return file;
}

std::string formatted(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  std::string text(size_t(vsnprintf(nullptr, 0, format, again)) + 1, '\0');
  va_end(again);
  vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  return text;
}

thread_local cudaError_t lastError = cudaSuccess;

}  // namespace

Settings settings() {
  std::lock_guard<std::mutex> guard(script.lock);
  refresh();
  return script.settings;
}

const char* callerOf(const void* address) {
  static std::mutex& cacheLock = *new std::mutex;
  static auto& cache = *new std::unordered_map<const void*, const char*>;
  std::lock_guard<std::mutex> guard(cacheLock);
  const auto found = cache.find(address);
  if (found != cache.end()) return found->second;
  Dl_info info{};
  const std::string file = dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
  const auto has = [&](const char* part) { return file.find(part) != std::string::npos; };
  const char* caller = has("accelerate_ts") ? "addon" : has("providers_cuda") ? "provider" : has("libnccl") ? "nccl" : "other";
  return cache[address] = caller;
}

void log(const char* format, ...) {
  if (logFile() < 0) return;
  va_list arguments;
  va_start(arguments, format);
  const std::string line = "{" + formatted(format, arguments) + "}\n";
  va_end(arguments);
  if (write(logFile(), line.data(), line.size()) < 0) return;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + "\"";
}

void violation(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const std::string text = formatted(format, arguments);
  va_end(arguments);
  __atomic_add_fetch(&totals.violations, 1, __ATOMIC_RELAXED);
  log("\"violation\":%s", quoted(text).c_str());
  fprintf(stderr, "[double] violation: %s\n", text.c_str());
  if (settings().abortOnViolation) abort();
}

void hangForEver() {
  for (;;) pause();
}

int scripted(const char* function, const char* caller, bool* later) {
  Rule hit;
  {
    std::lock_guard<std::mutex> guard(script.lock);
    refresh();
    const bool launching = strncmp(function, "launch:", 7) == 0;
    for (Rule& rule : script.rules) {
      if (!rule.from.empty() && rule.from != caller) continue;
      if (launching ? rule.function.compare(0, 7, "launch:") != 0 || strstr(function + 7, rule.function.c_str() + 7) == nullptr : rule.function != function) continue;
      rule.seen++;
      if (rule.seen != rule.nth && !(rule.every && rule.seen > rule.nth)) continue;
      hit = rule;
      break;
    }
    if (hit.function.empty()) return 0;
  }
  log("\"scripted\":%s,\"from\":\"%s\",\"error\":%d,\"hang\":%s", quoted(function).c_str(), caller, hit.error, hit.hang ? "true" : "false");
  if (later != nullptr) *later = hit.async || hit.hang;
  if (hit.hang && later == nullptr) hangForEver();
  if (hit.sticky && !hit.async) setStickyError(cudaError_t(hit.error));
  return hit.hang ? -1 : hit.error;
}

cudaError_t stickyError() {
  std::lock_guard<std::mutex> guard(script.lock);
  return script.sticky;
}
void setStickyError(cudaError_t error) {
  std::lock_guard<std::mutex> guard(script.lock);
  script.sticky = error;
}

Call::Call(const char* function, const void* returnAddress) : function(function), caller(callerOf(returnAddress)) {
  log("\"call\":\"%s\",\"from\":\"%s\",\"site\":\"%p\"", function, caller, returnAddress);
  error = cudaError_t(scripted(function, caller));
  if (error == cudaSuccess) error = stickyError();
}

cudaError_t result(cudaError_t error) {
  if (error != cudaSuccess) lastError = error;
  return error;
}

}  // namespace doubled

extern "C" {
cudaError_t cudaGetLastError(void) {
  const cudaError_t sticky = doubled::stickyError();
  const cudaError_t error = sticky != cudaSuccess ? sticky : doubled::lastError;
  doubled::lastError = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError(void) {
  const cudaError_t sticky = doubled::stickyError();
  return sticky != cudaSuccess ? sticky : doubled::lastError;
}
}
