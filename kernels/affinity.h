/*
 * affinity: which processors the threads of an engine run on.
 *
 * The threads are OpenMP's team of the calling thread, which stays the same from run to run. What
 * a process may use at all (its affinity, a container's set) is never widened.
 */
#ifndef KERNELS_AFFINITY_H
#define KERNELS_AFFINITY_H

struct err;

/**
 * Keep the calling thread, and those that it starts from now on, to the processors of a NUMA
 * node, so that memory that they touch first lies there.
 *
 * Errors: ERR_NOTFOUND  there is no such node, or nothing of it may be used
 */
int affinity_keep_to_node(int node, struct err *err);

/**
 * Pin each of that many threads to a processor of its own, in order of the processors' numbers.
 * Two engines that pin in one process set share processors: leave it to one.
 *
 * Errors: ERR_LIMIT  more threads than processors
 */
int affinity_pin(int threads, struct err *err);

#endif
