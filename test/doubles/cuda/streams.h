// What the parts of streams share (streams.cc, events.cc, capture.cc, order.cc). All of it needs the lock.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "double.h"

#pragma GCC visibility push(default)
namespace doubled {

/** Those that programs have, by their handles. */
extern std::map<Stream*, std::shared_ptr<Stream>>& streams;
/** Every stream ever made: the checker names them by index. */
extern std::vector<std::weak_ptr<Stream>>& all;
/** Reports bytes that are touched without an order between this operation and an earlier one of another stream. */
void check(const Access& access, const Clock& clock, const Touch& touch);

}  // namespace doubled
#pragma GCC visibility pop
