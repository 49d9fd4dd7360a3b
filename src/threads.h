/* threads: how many threads a job may use. */
#ifndef SRC_THREADS_H
#define SRC_THREADS_H

struct conf;

/** CPUs that this process may run on: its affinity and its cgroup's cpu.max; at least 1. */
int threads_available(void);
/** work.worker_threads, or the available CPUs shared by work.workers; at least 1. */
int threads_of_a_job(const struct conf *conf);

#endif
