#include "src/sandbox.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/* Of later versions than Debian 12's headers know; linux/landlock.h of Linux 6.12. */
#define FS_TRUNCATE     (1ULL << 14) // version 3
#define FS_IOCTL_DEV    (1ULL << 15) // version 5
#define NET_BIND_TCP    (1ULL << 0)  // version 4
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_SIGNAL    (1ULL << 1) // version 6

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_CHANGE                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE \
     | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG  \
     | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define FS_NEVER                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR     \
     | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM \
     | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_IOCTL_DEV)
#define FS_OF_FILES \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

/* struct landlock_ruleset_attr as later versions have it; older ones take zeros at its end. */
struct ruleset {
    uint64_t fs, net, scoped;
};

/* What this version of the kernel's can refuse. */
static struct ruleset refusable(long version, bool is_reading_free)
{
    struct ruleset r = {FS_CHANGE | FS_NEVER | (is_reading_free ? 0 : FS_READ),
                        NET_BIND_TCP | NET_CONNECT_TCP, SCOPE_SIGNAL};
    if (version < 2)
        r.fs &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
    if (version < 3)
        r.fs &= ~FS_TRUNCATE;
    if (version < 5)
        r.fs &= ~FS_IOCTL_DEV;
    if (version < 4)
        r.net = 0;
    if (version < 6)
        r.scoped = 0;
    return r;
}

static int allow(int ruleset, const char *path, uint64_t access, struct err *err)
{
    struct stat st;
    const int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        if (fd >= 0)
            close(fd);
        return 0; // it is not there, and need not be
    }
    const struct landlock_path_beneath_attr beneath = {
        .allowed_access = S_ISDIR(st.st_mode) ? access : access & FS_OF_FILES,
        .parent_fd = fd};
    const long r =
        syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    const int why = errno;
    close(fd);
    return r == 0 ? 0 : err_set(err, ERR_IO, "landlock, a rule: %s", strerror(why));
}

static int allow_all(int ruleset, const struct sandbox *sandbox, uint64_t refused,
                     struct err *err)
{
    int r = 0;
    for (int i = 0; r == 0 && sandbox->read && sandbox->read[i]; i++)
        r = allow(ruleset, sandbox->read[i], FS_READ & refused, err);
    for (int i = 0; r == 0 && sandbox->write[i]; i++)
        r = allow(ruleset, sandbox->write[i], (FS_READ | FS_CHANGE) & refused, err);
    return r;
}

int sandbox_enter(const struct sandbox *sandbox, struct err *err)
{
    const long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    // Without REFER nothing may be renamed from one folder to another: no use to us.
    if (version < 2)
        return 0;
    const struct ruleset refused = refusable(version, !sandbox->read);
    const int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &refused, sizeof(refused), 0);
    if (ruleset < 0)
        return err_set(err, ERR_IO, "landlock: %s", strerror(errno));
    int r = allow_all(ruleset, sandbox, refused.fs, err);
    if (r == 0
        && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0))
        r = err_set(err, ERR_IO, "landlock: %s", strerror(errno));
    close(ruleset);
    return r;
}

void sandbox_limit_memory(int64_t bytes)
{
#ifndef HAS_SANITIZER
    // RLIMIT_DATA has counted private memory of every kind since Linux 4.7.
    const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};
    setrlimit(RLIMIT_DATA, &limit);
#else
    (void)bytes; // sanitizers reserve terabytes
#endif
}
