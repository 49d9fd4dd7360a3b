/*
 * sandbox: what a child process may still do once it has begun, where the kernel can say no
 * (Landlock, Linux 5.19; the network from 6.7 on). A kernel that cannot is no error.
 *
 * What parses bytes from outside may be taken over by them: then it finds neither the index
 * nor another folder to write to, and reaches no other machine.
 */
#ifndef SRC_SANDBOX_H
#define SRC_SANDBOX_H

#include <stdint.h>

struct err;

/** Folders and files; each list ends with NULL. What does not exist is left out. */
struct sandbox {
    const char *const *read;  // may be read, with all below; NULL: everything may
    const char *const *write; // may be read, and files made, written, renamed and removed
};

/**
 * Confine the calling thread and those that it starts: files by sandbox, and no TCP connection
 * or listener of its own (sockets that it is given work on). Cannot be undone.
 *
 * Errors: ERR_IO  the kernel knows Landlock, and yet refuses
 */
int sandbox_enter(const struct sandbox *sandbox, struct err *err);

/** Bound the memory that this process may allocate; files that it maps do not count. */
void sandbox_limit_memory(int64_t bytes);

#endif
