/*
 * metrics: the state of a node as Prometheus reads it (text format 0.0.4). Counts only: no
 * name, number or text of a patient or peer.
 */
#ifndef SRC_METRICS_H
#define SRC_METRICS_H

#include <stdio.h>

struct js;

/** Print status, as store_status() and the node give it, to out. */
void metrics_print(const struct js *status, FILE *out);

#endif
