/*
 * patience: how long a peer may keep us waiting. A thread that looks at the connection while
 * DCMTK blocks in it.
 *
 * DCMTK's time-outs are for one read each: a peer that sends a byte a minute never meets them.
 * Here a time is for something whole, a rate is for what flows, and the association has an end.
 * One that is late is cut off: from then on DCMTK reads the end of the connection. Bytes are
 * counted by the kernel (TCP_INFO), so that encryption makes no difference.
 */
#ifndef SCP_DCM_PATIENCE_HH
#define SCP_DCM_PATIENCE_HH

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace dcm
{

class patience
{
  public:
    patience();
    ~patience();
    patience(const patience &) = delete;
    patience &operator=(const patience &) = delete;

    /** An association begins on the connected socket fd and has total_s to end. */
    void begin(int fd, int total_s);
    /** Something whole must come within whole_s. */
    void expect_whole(int whole_s);
    /** In each window_s from now on, bytes_per_s_min must come on average. */
    void expect_flow(int window_s, int64_t bytes_per_s_min);
    /** Nothing is expected: it is our turn. */
    void expect_nothing();
    /** Look at fd no more: before it is closed. */
    void end();
    /** Why the peer was cut off, or NULL; until the next begin(). */
    const char *reason();

  private:
    using clock = std::chrono::steady_clock;

    void run();
    void look();
    void look_at_flow(clock::time_point now);
    void cut(const char *why);

    std::mutex mutex; // of all below
    std::condition_variable changed;
    bool is_over = false;
    int socket = -1;
    const char *why = nullptr;
    clock::time_point end_at, whole_by; // whole_by: max() when nothing whole is expected
    std::chrono::seconds window{0};     // 0: no flow is expected
    int64_t rate = 0;
    clock::time_point window_at; // max(): begins at the next look
    int64_t window_bytes = 0;
    std::thread thread; // last: it uses the others
};

} // namespace dcm
#endif
