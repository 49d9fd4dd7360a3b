#include "kernels/affinity.h"

#include "base/err.h"

#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

/** "0-3,8-11" of the kernel's own file into ret; false: there is no such node. */
static bool read_node(int node, cpu_set_t *ret)
{
    char path[80];
    int lo, hi;
    CPU_ZERO(ret);
    snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fscanf(file, "%d", &lo) == 1) {
        hi = lo;
        int c = fgetc(file);
        if (c == '-' && fscanf(file, "%d", &hi) == 1)
            c = fgetc(file);
        for (int cpu = lo; cpu <= hi && cpu >= 0 && cpu < CPU_SETSIZE; cpu++)
            CPU_SET((size_t)cpu, ret);
        if (c != ',')
            break;
    }
    fclose(file);
    return true;
}

int affinity_keep_to_node(int node, struct err *err)
{
    cpu_set_t mine, theirs;
    if (node < 0 || !read_node(node, &theirs))
        return err_set(err, ERR_NOTFOUND, "there is no NUMA node %d", node);
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof(mine), &mine) == 0)
        CPU_AND(&theirs, &theirs, &mine);
    if (CPU_COUNT(&theirs) == 0 || sched_setaffinity(0, sizeof(theirs), &theirs) != 0)
        return err_set(err, ERR_NOTFOUND, "no processor of NUMA node %d may be used",
                       node);
    return 0;
}

/** The processor that thread i of the team runs on: the i-th that may be used. */
static bool pin_one(const cpu_set_t *allowed, int i)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        cpu_set_t one;
        if (!CPU_ISSET((size_t)cpu, allowed) || i-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET((size_t)cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) == 0;
    }
    return false;
}

int affinity_pin(int threads, struct err *err)
{
    cpu_set_t allowed;
    int pinned = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0
        || CPU_COUNT(&allowed) < threads)
        return err_set(err, ERR_LIMIT, "%d threads to pin, %d processors", threads,
                       CPU_COUNT(&allowed));
#pragma omp parallel num_threads(threads) reduction(+ : pinned)
    pinned += pin_one(&allowed, omp_get_thread_num());
    return pinned == threads
               ? 0
               : err_set(err, ERR_LIMIT, "%d of %d threads pinned", pinned, threads);
}
