#include "src/threads.h"

#include "src/conf.h"

#include <sched.h>
#include <stdio.h>

/* cpu.max of cgroup v2, "max 100000" or "150000 100000"; 0: no bound. */
static int cgroup_cpus(void)
{
    long long quota = 0, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (!file)
        return 0;
    const int n = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (n != 2 || quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

int threads_available(void)
{
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    const int bound = cgroup_cpus();
    if (bound > 0 && bound < cpus)
        cpus = bound;
    return cpus > 0 ? cpus : 1;
}

int threads_of_a_job(const struct conf *conf)
{
    if (conf->worker_threads > 0)
        return conf->worker_threads;
    const int share = threads_available() / conf->workers;
    return share > 0 ? share : 1;
}
