/*
 * sax_net: the network of a model card, asked about the images of a stack.
 *
 * Knows how the card wants its crops and what its channels mean; knows no ventricle.
 */
#ifndef PIPELINE_CARDIAC_CINE_SAX_NET_H
#define PIPELINE_CARDIAC_CINE_SAX_NET_H

#include "base/auto.h"
#include "pipeline/cardiac_cine/sax_crop.h"
#include "pipeline/cardiac_cine/sax_images.h"
#include "pipeline/pipeline.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct sax_net; // opaque: one thread at a time

/** What a channel may mean. */
enum sax_class { SAX_BACKGROUND, SAX_CAVITY, SAX_MYOCARDIUM, SAX_RIGHT, SAX_CLASSES };

/** Probabilities of every image's crop. */
struct sax_probabilities {
    struct sax_crop crop;
    size_t nz, nt;
    float *of[SAX_CLASSES]; // [nz][nt][size][size]; NULL: the model does not know it
};

/** Open the model called name from in's folders. Errors: those of card_find() and card_open();
 * ERR_CONFIG its card is not for short-axis crops. */
int sax_net_open(const struct pipeline_input *in, const char *name, struct sax_net **ret,
                 struct err *err);
/** Close net; NULL is allowed. */
void sax_net_close(struct sax_net *net);

/** Note in result which network it is, and how it computes. */
void sax_net_tell(const struct sax_net *net, struct result *result);
/** How far the edge that it draws lies outside the contour, mm: edge_px of its pixels where it was
 * trained on all pixels that contours touch, else 0. */
double sax_net_edge_mm(const struct sax_net *net, double edge_px);
bool sax_net_knows(const struct sax_net *net, enum sax_class class);

/**
 * Find the heart: the median middle of the cavities in wide crops of every slice at two times.
 * *ret_votes: crops with one.
 *
 * Errors: those of the engine; ERR_CANCELLED; ERR_NOMEM
 */
int sax_net_find(struct sax_net *net, const struct sax_images *images,
                 const struct pipeline_watch *watch, double ret_mm[2], size_t *ret_votes,
                 struct err *err);
/** Ask about a crop about centre_mm in every image; progress goes from 0 to 1 by done(). */
int sax_net_ask(struct sax_net *net, const struct sax_images *images,
                const double centre_mm[2], const struct pipeline_watch *watch,
                struct sax_probabilities **ret, struct err *err);
/** Free probabilities; NULL is allowed. */
void sax_probabilities_destroy(struct sax_probabilities *probabilities);

static inline void sax_net_destroy(struct sax_net *net)
{
    sax_net_close(net);
}

AUTO_DEFINE(sax_net)
AUTO_DEFINE(sax_probabilities)

#endif
