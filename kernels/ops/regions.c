/*
 * regions: the operators of our own domain that R-FCN needs (Dai et al., NIPS 2016).
 *
 *     hilum.Proposal:   scores [n, 2a, h, w], deltas [n, 4a, h, w], image [n, 3]
 *                       -> regions [n * post_nms_top_n, 5], their scores [n * post_nms_top_n, 1]
 *
 * scores are of background (first a channels) and object, image is height, width, scale in
 * pixels, a region is (image, x1, y1, x2, y2) with its last pixel inside. Anchors as in Faster
 * R-CNN (Ren et al., NIPS 2015): ratios (height by width) of a square of feature_stride, each
 * times scales, around every place of the map. Regions are moved by their deltas, held to
 * the image, dropped below min_size * scale; of the pre_nms_top_n best those stay that overlap
 * none better by more than nms_threshold. Fewer than post_nms_top_n are repeated from
 * the first on, so that shapes do not hang on numbers; of none, one is the whole image.
 *
 *     hilum.PsRoiPool:  x [n, c * group_size^2, h, w], regions [r, 5] -> [r, c, group_size, group_size]
 *
 * is the mean over each bin of a region, of the channels that are the bin's own; 0 where
 * a bin is empty. Both in double. Tested: tests/golden/test_regions.py against NumPy.
 */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>

enum { ANCHORS_MAX = 1024, TOP_MAX = 1 << 20 };
static const double LOG_MAX =
    4.135166556742356; // ln(1000 / 16): no delta grows a box more

struct box {
    double x1, y1, x2, y2, score;
    int64_t index; // of its anchor and place: the lower one of two equals goes first
};

struct proposal {
    const struct tensor *scores, *deltas, *image;
    int64_t anchors, h, w, pre, post;
    double stride, threshold, min_size;
    struct box anchor[ANCHORS_MAX];
};

static double side_of(double lo, double hi)
{
    return hi - lo + 1;
}

/** One anchor: ratio first, rounded to pixels, then scale, around the middle of the square. */
static struct box make_anchor(double stride, double ratio, double scale)
{
    const double middle = (stride - 1) / 2;
    const double w = rint(sqrt(stride * stride / ratio)), h = rint(w * ratio);
    const double half_w = (w * scale - 1) / 2, half_h = (h * scale - 1) / 2;
    return (struct box){.x1 = middle - half_w,
                        .y1 = middle - half_h,
                        .x2 = middle + half_w,
                        .y2 = middle + half_h};
}

static const struct attr *floats_of(const struct op_call *call, const char *name)
{
    const struct attr *a = node_attr(call->node, name);
    return a && a->type == ATTR_FLOATS && a->count > 0 && a->count <= ANCHORS_MAX ? a
                                                                                  : NULL;
}

static int read_anchors(const struct op_call *call, struct proposal *p, struct err *err)
{
    const struct attr *scales = floats_of(call, "scales");
    const struct attr *ratios = floats_of(call, "ratios");
    if (!scales || !ratios || scales->count * ratios->count > ANCHORS_MAX)
        return err_set(err, ERR_FORMAT, "scales and ratios make no anchors");
    for (size_t r = 0; r < ratios->count; r++) {
        for (size_t s = 0; s < scales->count; s++) {
            const double ratio = (double)ratios->floats[r],
                         scale = (double)scales->floats[s];
            if (!(ratio > 1e-3 && ratio < 1e3 && scale > 1e-3 && scale < 1e4))
                return err_set(err, ERR_FORMAT, "ratio %g, scale %g", ratio, scale);
            p->anchor[p->anchors++] = make_anchor(p->stride, ratio, scale);
        }
    }
    return 0;
}

static int check_proposal(const struct proposal *p, struct err *err)
{
    const struct tensor *s = p->scores, *d = p->deltas, *i = p->image;
    const bool fits =
        s->rank == 4 && d->rank == 4 && i->rank == 2 && s->dim[1] == 2 * p->anchors
        && d->dim[1] == 4 * p->anchors && d->dim[0] == s->dim[0] && d->dim[2] == s->dim[2]
        && d->dim[3] == s->dim[3] && i->dim[0] == s->dim[0] && i->dim[1] == 3;
    return fits ? 0
                : err_set(err, ERR_FORMAT,
                          "scores, deltas and image do not fit %lld anchors",
                          (long long)p->anchors);
}

static int init_proposal(struct proposal *p, const struct op_call *call, struct err *err)
{
    const struct node *node = call->node;
    *p = (struct proposal){
        .scores = call->in[0],
        .deltas = call->in[1],
        .image = call->in[2],
        .stride = (double)node_int(node, "feature_stride", 16),
        .pre = node_int(node, "pre_nms_top_n", 6000),
        .post = node_int(node, "post_nms_top_n", 300),
        .threshold = (double)node_float(node, "nms_threshold", 0.7f),
        .min_size = (double)node_float(node, "min_size", 16),
    };
    if (p->stride < 1 || p->stride > 1024 || p->pre < 1 || p->pre > TOP_MAX || p->post < 1
        || p->post > TOP_MAX)
        return err_set(err, ERR_FORMAT, "feature_stride %g, top %lld and %lld", p->stride,
                       (long long)p->pre, (long long)p->post);
    int e = read_anchors(call, p, err);
    for (size_t i = 0; e == 0 && i < 3; i++)
        e = op_want_float(call, i, err);
    if (e != 0 || (e = check_proposal(p, err)) != 0)
        return e;
    p->h = p->scores->dim[2];
    p->w = p->scores->dim[3];
    return 0;
}

static int infer_proposal(struct op_call *call, struct err *err)
{
    struct proposal p;
    const int e = init_proposal(&p, call, err);
    if (e != 0)
        return e;
    const enum tensor_type type = p.scores->type;
    const int64_t n = p.scores->dim[0] * p.post;
    op_shape(call, 0, type, 2, (int64_t[2]){n, 5});
    op_shape(call, 1, type, 2, (int64_t[2]){n, 1});
    return 0;
}

static double hold(double v, double hi)
{
    return v > 0 ? v < hi ? v : hi : 0; // NaN is 0
}

/** The box of anchor a at a place, moved by its deltas and held to the image. */
static struct box move_box(const struct proposal *p, int64_t n, int64_t a, int64_t place,
                           const double *image)
{
    double d[4];
    const struct box *anchor = &p->anchor[a];
    const int64_t plane = p->h * p->w;
    for (int64_t k = 0; k < 4; k++)
        d[k] = op_number(p->deltas, ((n * p->anchors + a) * 4 + k) * plane + place);
    const double w = side_of(anchor->x1, anchor->x2), h = side_of(anchor->y1, anchor->y2);
    const double x = anchor->x1 + (double)(place % p->w) * p->stride + w / 2 + d[0] * w;
    const double y = anchor->y1 + (double)(place / p->w) * p->stride + h / 2 + d[1] * h;
    const double half_w = exp(fmin(d[2], LOG_MAX)) * w / 2;
    const double half_h = exp(fmin(d[3], LOG_MAX)) * h / 2;
    return (struct box){.x1 = hold(x - half_w, image[1] - 1),
                        .y1 = hold(y - half_h, image[0] - 1),
                        .x2 = hold(x + half_w - 1, image[1] - 1),
                        .y2 = hold(y + half_h - 1, image[0] - 1)};
}

static int compare_boxes(const void *a, const void *b)
{
    const struct box *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

/** All boxes of image n that are large enough, best first; returns how many. */
static int64_t list_boxes(const struct proposal *p, int64_t n, const double *image,
                          struct box *ret)
{
    const int64_t plane = p->h * p->w;
    const double least = p->min_size * image[2];
    int64_t count = 0;
    for (int64_t i = 0; i < plane * p->anchors; i++) {
        const int64_t a = i % p->anchors, place = i / p->anchors;
        struct box box = move_box(p, n, a, place, image);
        box.score = op_number(p->scores, ((2 * n + 1) * p->anchors + a) * plane + place);
        box.index = i;
        if (side_of(box.x1, box.x2) >= least && side_of(box.y1, box.y2) >= least
            && !isnan(box.score))
            ret[count++] = box;
    }
    qsort(ret, (size_t)count, sizeof(*ret), compare_boxes);
    return count;
}

static double overlap(const struct box *a, const struct box *b)
{
    const double w = side_of(fmax(a->x1, b->x1), fmin(a->x2, b->x2));
    const double h = side_of(fmax(a->y1, b->y1), fmin(a->y2, b->y2));
    if (w <= 0 || h <= 0)
        return 0;
    const double both = w * h;
    return both
           / (side_of(a->x1, a->x2) * side_of(a->y1, a->y2)
              + side_of(b->x1, b->x2) * side_of(b->y1, b->y2) - both);
}

/** Bring those that stay to the front; returns how many. */
static int64_t suppress(const struct proposal *p, struct box *boxes, int64_t count)
{
    int64_t kept = 0;
    count = count < p->pre ? count : p->pre;
    for (int64_t i = 0; i < count && kept < p->post; i++) {
        bool stays = true;
        for (int64_t k = 0; stays && k < kept; k++)
            stays = overlap(&boxes[i], &boxes[k]) <= p->threshold;
        if (stays)
            boxes[kept++] = boxes[i];
    }
    return kept;
}

static void store_regions(const struct proposal *p, struct op_call *call, int64_t n,
                          const struct box *boxes, int64_t count)
{
    for (int64_t i = 0; i < p->post; i++) {
        const struct box *b = &boxes[i % count];
        const double region[5] = {(double)n, b->x1, b->y1, b->x2, b->y2};
        if (call->out[0])
            tensor_store_f64(call->out[0], (n * p->post + i) * 5, 5, region);
        if (call->out_count > 1 && call->out[1])
            tensor_store_f64(call->out[1], n * p->post + i, 1, &b->score);
    }
}

static int run_proposal(struct op_call *call, struct err *err)
{
    struct proposal p;
    int e = init_proposal(&p, call, err);
    if (e != 0)
        return e;
    const size_t most = (size_t)(p.anchors * p.h * p.w) + 1;
    struct box *boxes = malloc(most * sizeof(*boxes));
    if (!boxes)
        return err_set(err, ERR_NOMEM, "%zu boxes", most);
    for (int64_t n = 0; n < p.scores->dim[0]; n++) {
        double image[3];
        tensor_load_f64(p.image, n * 3, 3, image);
        image[0] = fmax(image[0], 1);
        image[1] = fmax(image[1], 1);
        int64_t count = suppress(&p, boxes, list_boxes(&p, n, image, boxes));
        if (count == 0)
            boxes[count++] = (struct box){.x2 = image[1] - 1, .y2 = image[0] - 1};
        store_regions(&p, call, n, boxes, count);
    }
    free(boxes);
    return 0;
}

/* PsRoiPool */

static int infer_ps_pool(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *rois = call->in[1];
    const int64_t g = node_int(call->node, "group_size", 7);
    const int e = op_want_float(call, 0, err);
    if (e != 0)
        return e;
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != 5 || g < 1 || g > 256
        || x->dim[1] % (g * g) != 0)
        return err_set(err, ERR_FORMAT, "x, regions and group_size %lld do not fit",
                       (long long)g);
    const int64_t dim[4] = {rois->dim[0], x->dim[1] / (g * g), g, g};
    op_shape(call, 0, x->type, 4, dim);
    return 0;
}

struct region {
    int64_t batch;
    double x, y, bin_w, bin_h; // in pixels of the map
};

static int load_region(const struct op_call *call, int64_t i, struct region *ret,
                       struct err *err)
{
    double r[5];
    const double g = (double)call->out[0]->dim[2];
    const double scale = (double)node_float(call->node, "spatial_scale", 1);
    tensor_load_f64(call->in[1], i * 5, 5, r);
    if (!(r[0] >= 0 && r[0] < (double)call->in[0]->dim[0]))
        return err_set(err, ERR_FORMAT, "region of image %g", r[0]);
    *ret = (struct region){
        .batch = (int64_t)r[0], .x = round(r[1]) * scale, .y = round(r[2]) * scale};
    ret->bin_w = fmax((round(r[3]) + 1) * scale - ret->x, 0.1) / g;
    ret->bin_h = fmax((round(r[4]) + 1) * scale - ret->y, 0.1) / g;
    return 0;
}

static int64_t clip(double v, int64_t n)
{
    return v > 0 ? v < (double)n ? (int64_t)v : n : 0;
}

/** Mean of a plane of the map over a bin; row has room for one of its lines. */
static double pool_bin(const struct tensor *x, int64_t plane, const struct region *r,
                       int64_t by, int64_t bx, double *row)
{
    const int64_t h = x->dim[2], w = x->dim[3];
    const int64_t y0 = clip(floor((double)by * r->bin_h + r->y), h);
    const int64_t y1 = clip(ceil((double)(by + 1) * r->bin_h + r->y), h);
    const int64_t x0 = clip(floor((double)bx * r->bin_w + r->x), w);
    const int64_t x1 = clip(ceil((double)(bx + 1) * r->bin_w + r->x), w);
    double sum = 0;
    if (y1 <= y0 || x1 <= x0)
        return 0;
    for (int64_t y = y0; y < y1; y++) {
        tensor_load_f64(x, (plane * h + y) * w + x0, x1 - x0, row);
        for (int64_t i = 0; i < x1 - x0; i++)
            sum += row[i];
    }
    return sum / (double)((y1 - y0) * (x1 - x0));
}

static int run_ps_pool(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    struct tensor *out = call->out[0];
    const int64_t g = out->dim[2], channels = out->dim[1];
    double *row = malloc(((size_t)x->dim[3] + 1) * sizeof(*row));
    int e = row ? 0 : err_set(err, ERR_NOMEM, "a line of the map");
    for (int64_t i = 0; e == 0 && i < out->dim[0]; i++) {
        struct region r = {0};
        e = load_region(call, i, &r, err);
        for (int64_t k = 0; e == 0 && k < channels * g * g; k++) {
            const double v =
                pool_bin(x, r.batch * x->dim[1] + k, &r, k / g % g, k % g, row);
            tensor_store_f64(out, i * channels * g * g + k, 1, &v);
        }
    }
    free(row);
    return e;
}

#define PROPOSAL                                                                  \
    " feature_stride min_size nms_threshold post_nms_top_n pre_nms_top_n ratios " \
    "scales "

const struct op op_regions_rows[] = {
    {"hilum", "Proposal", 1, 3, 3, 2, PROPOSAL, infer_proposal, run_proposal},
    {"hilum", "PsRoiPool", 1, 2, 2, 1, " group_size spatial_scale ", infer_ps_pool,
     run_ps_pool},
    {0},
};
