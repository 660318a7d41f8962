// gloo's context, made pair by pair as its rendezvous does, with addresses that JS exchanges.
#include "mesh.h"

#include <dirent.h>
#include <fcntl.h>
#include <gloo/common/error.h>
#include <gloo/context.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/tcp/address.h>
#include <gloo/transport/tcp/device.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

namespace accelerate_ts {
namespace {

constexpr std::chrono::hours kForever{1000};
// A state of tcp_info.
constexpr uint8_t kClosed = 7;

/**
 * gloo's event loop tries a lock and polls again at once when the other thread has it. Where it preempts that thread inside the lock, it spins for a whole slice of the scheduler
 * (4 ms and more per message on few cores). Threads of SCHED_BATCH do not preempt: the loop's thread inherits that policy from the one that makes it.
 */
class Yielding {
 public:
  Yielding() : policy_(sched_getscheduler(0)) {
    if (policy_ == SCHED_OTHER) set(SCHED_BATCH);
  }
  ~Yielding() {
    if (policy_ == SCHED_OTHER) set(SCHED_OTHER);
  }
  Yielding(const Yielding&) = delete;
  Yielding& operator=(const Yielding&) = delete;

 private:
  static void set(int policy) {
    const sched_param none = {};
    sched_setscheduler(0, policy, &none);  // a matter of speed: where it is refused, it stays as it is
  }
  const int policy_;
};

class MeshContext : public gloo::Context {
 public:
  MeshContext(int rank, int size, std::shared_ptr<gloo::transport::Device> device, std::chrono::milliseconds connectTimeout) : gloo::Context(rank, size) {
    device_ = std::move(device);
    transportContext_ = device_->createContext(rank, size);
    // A pair waits five times as long to be connected.
    transportContext_->setTimeout(std::max(connectTimeout / 5, std::chrono::milliseconds(1)));
  }
  gloo::transport::Context& transport() { return *transportContext_; }
};

sockaddr_storage socketAddress(const Mesh::Address& bytes) { return gloo::transport::tcp::Address(bytes).getSockaddr(); }

bool equal(const sockaddr_storage& a, const sockaddr_storage& b) {
  if (a.ss_family != b.ss_family) return false;
  if (a.ss_family == AF_INET) {
    const auto& x = reinterpret_cast<const sockaddr_in&>(a);
    const auto& y = reinterpret_cast<const sockaddr_in&>(b);
    return x.sin_port == y.sin_port && x.sin_addr.s_addr == y.sin_addr.s_addr;
  }
  const auto& x = reinterpret_cast<const sockaddr_in6&>(a);
  const auto& y = reinterpret_cast<const sockaddr_in6&>(b);
  return x.sin6_port == y.sin6_port && std::memcmp(&x.sin6_addr, &y.sin6_addr, sizeof(x.sin6_addr)) == 0;
}

// An idle connection to a host that is gone ends after 5 s.
void watchIdle(int socket) {
  const std::pair<int, int> options[] = {{TCP_KEEPIDLE, 1}, {TCP_KEEPINTVL, 1}, {TCP_KEEPCNT, 4}};
  for (const auto& [option, value] : options) setsockopt(socket, IPPROTO_TCP, option, &value, sizeof(value));
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

}  // namespace

Mesh::Mesh(int rank, int size, const std::string& address, std::chrono::milliseconds connectTimeout)
    : rank_(rank), size_(size), mine_(size), sockets_(size, -1) {
  const Yielding yielding;
  auto context = std::make_shared<MeshContext>(rank, size, gloo::transport::tcp::CreateDevice(gloo::transport::tcp::attr(address.c_str())), connectTimeout);
  context_ = context;
  context_->setTimeout(kForever);
  for (int peer = 0; peer < size; peer++) {
    if (peer != rank) mine_[peer] = context->transport().createPair(peer)->address().bytes();
  }
}

Mesh::~Mesh() {
  context_.reset();
  for (const int socket : sockets_) {
    if (socket >= 0) close(socket);
  }
}

void Mesh::connect(const std::vector<Address>& theirs) {
  auto& transport = static_cast<MeshContext&>(*context_).transport();
  for (int peer = 0; peer < size_; peer++) {
    if (peer == rank_) continue;
    try {
      transport.getPair(peer)->connect(theirs[peer]);
    } catch (const std::exception& error) {
      throw Unreachable(peer, error.what());
    }
  }
  transport.setTimeout(kForever);
  adoptSockets(theirs);
}

// gloo shows no descriptor, so the process's own sockets are looked through: those that accepted at one of our addresses, or are connected to one of theirs.
void Mesh::adoptSockets(const std::vector<Address>& theirs) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  if (!folder) throw std::runtime_error("/proc/self/fd cannot be read");
  const std::lock_guard<std::mutex> lock(mutex_);
  while (const dirent* entry = readdir(folder.get())) {
    char* end;
    const int original = static_cast<int>(std::strtol(entry->d_name, &end, 10));
    if (end == entry->d_name) continue;
    const int own = fcntl(original, F_DUPFD_CLOEXEC, 0);
    if (own < 0) continue;
    sockaddr_storage here = {}, there = {};
    socklen_t hereLength = sizeof(here), thereLength = sizeof(there);
    const bool connected = getsockname(own, reinterpret_cast<sockaddr*>(&here), &hereLength) == 0 &&
                           getpeername(own, reinterpret_cast<sockaddr*>(&there), &thereLength) == 0;
    int found = -1;
    for (int peer = 0; connected && peer < size_ && found < 0; peer++) {
      if (peer != rank_ && sockets_[peer] < 0 && (equal(here, socketAddress(mine_[peer])) || equal(there, socketAddress(theirs[peer])))) found = peer;
    }
    if (found < 0) {
      close(own);
      continue;
    }
    sockets_[found] = own;
    // A child process must not keep the connection of a dead rank open.
    fcntl(original, F_SETFD, FD_CLOEXEC);
    watchIdle(own);
  }
  for (int peer = 0; peer < size_; peer++) {
    if (peer != rank_ && sockets_[peer] < 0) throw Unreachable(peer, "the connection was closed at once");
  }
}

void Mesh::giveUp() noexcept {
  try {
    context_->closeConnections();
  } catch (const std::exception&) {
    // closed already
  }
}

void Mesh::cut() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const int socket : sockets_) {
    if (socket >= 0) shutdown(socket, SHUT_RDWR);
  }
}

void Mesh::drain(std::chrono::steady_clock::time_point deadline) noexcept {
  for (const int socket : sockets_) {
    if (socket >= 0) shutdown(socket, SHUT_WR);
  }
  for (const int socket : sockets_) {
    int left = 0;
    // A peer that has reset the connection reads no more: what is left would be left for ever.
    const auto reads = [socket] {
      tcp_info info = {};
      socklen_t length = sizeof(info);
      return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state != kClosed;
    };
    while (socket >= 0 && ioctl(socket, SIOCOUTQ, &left) == 0 && left > 1 && reads() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

Mesh::Answers Mesh::answers(int peer) const noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  tcp_info info = {};
  socklen_t length = sizeof(info);
  if (sockets_[peer] < 0 || getsockopt(sockets_[peer], IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  // Where not even the own end of the cable works, nothing counts as sent; then there are unanswered probes.
  return {info.tcpi_unacked > 0 || info.tcpi_probes >= 3, info.tcpi_bytes_acked};
}

}  // namespace accelerate_ts
