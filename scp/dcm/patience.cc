#include "scp/dcm/patience.hh"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace dcm
{

namespace
{

constexpr std::chrono::milliseconds LOOK_EACH{200};

/* What has come over the connection so far. */
int64_t bytes_received(int fd)
{
    tcp_info info = {};
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return static_cast<int64_t>(info.tcpi_bytes_received);
}

} // namespace

patience::patience() : thread(&patience::run, this)
{
}

patience::~patience()
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        is_over = true;
    }
    changed.notify_one();
    thread.join();
}

void patience::begin(int fd, int total_s)
{
    {
        const std::lock_guard<std::mutex> lock(mutex);
        socket = fd;
        why = nullptr;
        end_at = clock::now() + std::chrono::seconds(total_s);
        whole_by = clock::time_point::max();
        window = std::chrono::seconds(0);
    }
    changed.notify_one();
}

void patience::expect_whole(int whole_s)
{
    const std::lock_guard<std::mutex> lock(mutex);
    whole_by = clock::now() + std::chrono::seconds(whole_s);
    window = std::chrono::seconds(0);
}

void patience::expect_flow(int window_s, int64_t bytes_per_s_min)
{
    const std::lock_guard<std::mutex> lock(mutex);
    whole_by = clock::time_point::max();
    window = std::chrono::seconds(window_s);
    rate = bytes_per_s_min;
    window_at = clock::time_point::max();
}

void patience::expect_nothing()
{
    const std::lock_guard<std::mutex> lock(mutex);
    whole_by = clock::time_point::max();
    window = std::chrono::seconds(0);
}

void patience::end()
{
    const std::lock_guard<std::mutex> lock(mutex);
    socket = -1;
}

const char *patience::reason()
{
    const std::lock_guard<std::mutex> lock(mutex);
    return why;
}

/* ---- the thread ---- */

void patience::run()
{
    std::unique_lock<std::mutex> lock(mutex);
    while (!is_over) {
        if (socket < 0) {
            changed.wait(lock);
            continue;
        }
        changed.wait_for(lock, LOOK_EACH);
        if (socket >= 0 && !why)
            look();
    }
}

void patience::look()
{
    const auto now = clock::now();
    if (now >= end_at)
        cut("the association took longer than receive.association_timeout_s");
    else if (now >= whole_by)
        cut("no whole message within the time for one");
    else if (window.count() > 0)
        look_at_flow(now);
}

void patience::look_at_flow(clock::time_point now)
{
    if (window_at != clock::time_point::max() && now - window_at < window)
        return;
    const int64_t bytes = bytes_received(socket);
    if (window_at != clock::time_point::max()) {
        const double seconds = std::chrono::duration<double>(now - window_at).count();
        const double least = static_cast<double>(rate) * seconds;
        if (static_cast<double>(bytes - window_bytes) < least) {
            cut("the peer sends more slowly than receive.bytes_per_s_min");
            return;
        }
    }
    window_at = now;
    window_bytes = bytes;
}

/* Only the reading end: an A-ABORT still goes out. */
void patience::cut(const char *reason)
{
    why = reason;
    shutdown(socket, SHUT_RD);
}

} // namespace dcm
