#include "src/notify.h"

#include "base/err.h"
#include "src/loop.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct notify {
    struct loop_timer *timer;
};

void notify_say(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@')
        || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') // a name without a file
        address.sun_path[0] = '\0';
    const socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
           (struct sockaddr *)&address, size);
    close(fd);
}

static void turn(void *ctx)
{
    (void)ctx;
    notify_say("WATCHDOG=1");
}

/* Half of what the manager waits for, 0 when it does not watch this process. */
static int64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return strtoll(usec, NULL, 10) / 2000;
}

int notify_create(struct loop *loop, struct notify **ret, struct err *err)
{
    auto_(notify) struct notify *notify = calloc(1, sizeof(*notify));
    if (!notify)
        return err_set(err, ERR_NOMEM, "the service manager's watch");
    const int r = loop_timer_create(loop, turn, NULL, &notify->timer, err);
    if (r < 0)
        return r;
    if (watchdog_ms() > 0)
        loop_timer_start(notify->timer, watchdog_ms(), watchdog_ms());
    notify_say("READY=1");
    *ret = take(notify);
    return 0;
}

void notify_destroy(struct notify *notify)
{
    if (!notify)
        return;
    loop_timer_destroy(notify->timer);
    free(notify);
}
