/* boxes: operators of detection networks: NonMaxSuppression, RoiAlign, MaxRoiPool. */
#include "kernels/ops/op.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NonMaxSuppression: the number of boxes that stay is known only when it has run, so
 * infer() runs it. */

struct nms {
    const struct tensor *boxes, *scores;
    int64_t most;
    double iou, score;
    bool center;
};

struct candidate {
    double score;
    int64_t index;
};

/** y1, x1, y2, x2 in order of size. */
static void load_box(const struct nms *nms, int64_t batch, int64_t i, double *ret)
{
    double b[4];
    tensor_load_f64(nms->boxes, (batch * nms->boxes->dim[1] + i) * 4, 4, b);
    if (nms->center) { // x, y, width, height
        ret[0] = b[1] - b[3] / 2;
        ret[1] = b[0] - b[2] / 2;
        ret[2] = b[1] + b[3] / 2;
        ret[3] = b[0] + b[2] / 2;
        return;
    }
    ret[0] = fmin(b[0], b[2]);
    ret[1] = fmin(b[1], b[3]);
    ret[2] = fmax(b[0], b[2]);
    ret[3] = fmax(b[1], b[3]);
}

static double area_of(const double *b)
{
    return (b[2] - b[0]) * (b[3] - b[1]);
}

static double overlap(const double *a, const double *b)
{
    const double h = fmin(a[2], b[2]) - fmax(a[0], b[0]);
    const double w = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    if (h <= 0 || w <= 0)
        return 0;
    return h * w / (area_of(a) + area_of(b) - h * w);
}

static int compare_scores(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

/** Choose for one class of one image; chosen boxes go to kept, which returns their number. */
static int64_t choose(const struct nms *nms, int64_t batch, int64_t class,
                      struct candidate *order, int64_t *kept)
{
    const int64_t n = nms->boxes->dim[1], classes = nms->scores->dim[1];
    int64_t count = 0, candidates = 0;
    for (int64_t i = 0; i < n; i++) {
        const double s = op_number(nms->scores, (batch * classes + class) * n + i);
        if (s > nms->score)
            order[candidates++] = (struct candidate){s, i};
    }
    qsort(order, (size_t)candidates, sizeof(*order), compare_scores);
    for (int64_t c = 0; c < candidates && count < nms->most; c++) {
        double box[4], other[4];
        bool stays = true;
        load_box(nms, batch, order[c].index, box);
        for (int64_t k = 0; stays && k < count; k++) {
            load_box(nms, batch, kept[k], other);
            stays = overlap(box, other) <= nms->iou;
        }
        if (stays)
            kept[count++] = order[c].index;
    }
    return count;
}

/** Count the boxes that stay, and store them if out is given. */
static int suppress(const struct nms *nms, struct tensor *out, int64_t *ret,
                    struct err *err)
{
    const int64_t n = nms->boxes->dim[1];
    struct candidate *order = malloc(sizeof(*order) * (size_t)(n + 1));
    int64_t *kept = malloc(sizeof(*kept) * (size_t)(n + 1)), total = 0;
    for (int64_t b = 0; order && kept && b < nms->scores->dim[0]; b++) {
        for (int64_t c = 0; c < nms->scores->dim[1]; c++) {
            const int64_t count = choose(nms, b, c, order, kept);
            for (int64_t k = 0; out && k < count; k++)
                tensor_store_i64(out, (total + k) * 3, 3, (int64_t[3]){b, c, kept[k]});
            total += count;
        }
    }
    const int e = order && kept ? 0 : err_set(err, ERR_NOMEM, "boxes");
    free(order);
    free(kept);
    *ret = total;
    return e;
}

static double scalar_or(const struct op_call *call, size_t i, double otherwise)
{
    return op_has(call, i) && tensor_count(call->in[i]) > 0 ? op_number(call->in[i], 0)
                                                            : otherwise;
}

static int init_nms(struct nms *nms, const struct op_call *call, struct err *err)
{
    const struct tensor *boxes = call->in[0], *scores = call->in[1];
    if (boxes->rank != 3 || boxes->dim[2] != 4 || scores->rank != 3
        || scores->dim[0] != boxes->dim[0] || scores->dim[2] != boxes->dim[1])
        return err_set(err, ERR_FORMAT, "boxes and scores do not fit");
    for (size_t i = 0; i < 5; i++) {
        if (!op_knows(call, i))
            return OP_LATER;
    }
    *nms = (struct nms){.boxes = boxes,
                        .scores = scores,
                        .most = (int64_t)scalar_or(call, 2, 0),
                        .iou = scalar_or(call, 3, 0),
                        .score = scalar_or(call, 4, -HUGE_VAL),
                        .center = node_int(call->node, "center_point_box", 0)};
    return 0;
}

static int infer_nms(struct op_call *call, struct err *err)
{
    struct nms nms;
    int64_t count;
    int e = init_nms(&nms, call, err);
    if (e == 0)
        e = suppress(&nms, NULL, &count, err);
    if (e == 0)
        op_shape(call, 0, TENSOR_I64, 2, (int64_t[2]){count, 3});
    return e;
}

static int run_nms(struct op_call *call, struct err *err)
{
    struct nms nms;
    int64_t count;
    const int e = init_nms(&nms, call, err);
    return e != 0 ? e : suppress(&nms, call->out[0], &count, err);
}

/* RoiAlign: bilinear samples of regions, averaged or the largest taken. He et al., Mask
 * R-CNN, ICCV 2017. */

static int infer_align(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *rois = call->in[1];
    const int64_t h = node_int(call->node, "output_height", 1);
    const int64_t w = node_int(call->node, "output_width", 1);
    const char *mode = node_string(call->node, "mode", "avg");
    const char *pixel =
        node_string(call->node, "coordinate_transformation_mode",
                    call->node->opset < 16 ? "output_half_pixel" : "half_pixel");
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != 4
        || tensor_count(call->in[2]) != rois->dim[0] || h < 1 || w < 1)
        return err_set(err, ERR_FORMAT, "x, regions and batch indices do not fit");
    if (strcmp(mode, "avg") != 0 && strcmp(mode, "max") != 0)
        return err_set(err, ERR_UNSUPPORTED, "mode '%.20s'", mode);
    if (strcmp(pixel, "half_pixel") != 0 && strcmp(pixel, "output_half_pixel") != 0)
        return err_set(err, ERR_UNSUPPORTED, "transformation '%.20s'", pixel);
    const int e = op_want_float(call, 0, err);
    if (e == 0)
        op_shape(call, 0, x->type, 4, (int64_t[4]){rois->dim[0], x->dim[1], h, w});
    return e;
}

struct align {
    const double *plane;
    int64_t h, w;
    double y0, x0, bin_h, bin_w;
    int64_t grid_h, grid_w;
    bool max;
};

/** Four neighbours of a point with their weights, in value[]; outside all are 0. */
static void bilinear(const struct align *a, double y, double x, double *value)
{
    memset(value, 0, 4 * sizeof(*value));
    if (y < -1 || y > (double)a->h || x < -1 || x > (double)a->w)
        return;
    y = fmax(y, 0);
    x = fmax(x, 0);
    int64_t y0 = (int64_t)y, x0 = (int64_t)x;
    y0 = y0 >= a->h - 1 ? a->h - 1 : y0;
    x0 = x0 >= a->w - 1 ? a->w - 1 : x0;
    const int64_t y1 = y0 == a->h - 1 ? y0 : y0 + 1, x1 = x0 == a->w - 1 ? x0 : x0 + 1;
    const double fy = y0 == a->h - 1 ? 0 : y - (double)y0,
                 fx = x0 == a->w - 1 ? 0 : x - (double)x0;
    value[0] = (1 - fy) * (1 - fx) * a->plane[y0 * a->w + x0];
    value[1] = (1 - fy) * fx * a->plane[y0 * a->w + x1];
    value[2] = fy * (1 - fx) * a->plane[y1 * a->w + x0];
    value[3] = fy * fx * a->plane[y1 * a->w + x1];
}

static double align_bin(const struct align *a, int64_t by, int64_t bx)
{
    double sum = 0, top = -HUGE_VAL;
    for (int64_t iy = 0; iy < a->grid_h; iy++) {
        const double y =
            a->y0 + a->bin_h * ((double)by + ((double)iy + 0.5) / (double)a->grid_h);
        for (int64_t ix = 0; ix < a->grid_w; ix++) {
            const double x =
                a->x0 + a->bin_w * ((double)bx + ((double)ix + 0.5) / (double)a->grid_w);
            double v[4];
            bilinear(a, y, x, v);
            sum += v[0] + v[1] + v[2] + v[3];
            // ONNX takes the largest of the weighted neighbours, not of the samples.
            top = fmax(top, fmax(fmax(v[0], v[1]), fmax(v[2], v[3])));
        }
    }
    return a->max ? top : sum / (double)(a->grid_h * a->grid_w);
}

/** Where a region lies and how finely it is sampled. */
static int place_region(const struct op_call *call, int64_t i, struct align *a,
                        struct err *err)
{
    double roi[4];
    const struct tensor *out = call->out[0];
    const double scale = (double)node_float(call->node, "spatial_scale", 1);
    const char *pixel =
        node_string(call->node, "coordinate_transformation_mode",
                    call->node->opset < 16 ? "output_half_pixel" : "half_pixel");
    const bool half = strcmp(pixel, "half_pixel") == 0;
    const int64_t ratio = node_int(call->node, "sampling_ratio", 0);
    tensor_load_f64(call->in[1], i * 4, 4, roi);
    const double shift = half ? 0.5 : 0;
    double h = (roi[3] - roi[1]) * scale, w = (roi[2] - roi[0]) * scale;
    if (!half) { // tiny regions are made one pixel wide
        h = fmax(h, 1);
        w = fmax(w, 1);
    }
    a->x0 = roi[0] * scale - shift;
    a->y0 = roi[1] * scale - shift;
    a->bin_h = h / (double)out->dim[2];
    a->bin_w = w / (double)out->dim[3];
    if (!(fabs(a->bin_h) < 1e6) || !(fabs(a->bin_w) < 1e6) || ratio > 1 << 16)
        return err_set(err, ERR_FORMAT, "region %lld is too large", (long long)i);
    a->grid_h = ratio > 0 ? ratio : (int64_t)ceil(a->bin_h);
    a->grid_w = ratio > 0 ? ratio : (int64_t)ceil(a->bin_w);
    return 0;
}

static int run_align(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *out = call->out[0];
    const int64_t plane = x->dim[2] * x->dim[3], bins = out->dim[2] * out->dim[3];
    double *xs = malloc(sizeof(double) * (size_t)(plane + 1));
    struct align a = {.plane = xs, .h = x->dim[2], .w = x->dim[3]};
    a.max = strcmp(node_string(call->node, "mode", "avg"), "max") == 0;
    int e = xs ? 0 : err_set(err, ERR_NOMEM, "doubles of a region");
    for (int64_t i = 0; e == 0 && i < out->dim[0]; i++) {
        int64_t batch;
        tensor_load_i64(call->in[2], i, 1, &batch);
        if (batch < 0 || batch >= x->dim[0] || plane == 0)
            e = err_set(err, ERR_FORMAT, "region of image %lld", (long long)batch);
        if (e == 0)
            e = place_region(call, i, &a, err);
        for (int64_t c = 0; e == 0 && c < x->dim[1]; c++) {
            tensor_load_f64(x, (batch * x->dim[1] + c) * plane, plane, xs);
            for (int64_t b = 0; b < bins; b++) {
                const double v = align_bin(&a, b / out->dim[3], b % out->dim[3]);
                tensor_store_f64(call->out[0], (i * x->dim[1] + c) * bins + b, 1, &v);
            }
        }
    }
    free(xs);
    return e;
}

/* MaxRoiPool: regions [batch, x1, y1, x2, y2] in bins of whole pixels. Girshick, Fast R-CNN. */

static int infer_roi_pool(struct op_call *call, struct err *err)
{
    struct op_ints size;
    const struct tensor *x = call->in[0], *rois = call->in[1];
    int e = op_attr_ints(call, "pooled_shape", &size, err);
    if (e == 0)
        e = op_want_float(call, 0, err);
    if (e != 0)
        return e;
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != 5 || size.count != 2
        || size.item[0] < 1 || size.item[1] < 1)
        return err_set(err, ERR_FORMAT, "x, regions and pooled_shape do not fit");
    op_shape(call, 0, x->type, 4,
             (int64_t[4]){rois->dim[0], x->dim[1], size.item[0], size.item[1]});
    return 0;
}

static int64_t clip(double v, int64_t n)
{
    return v < 0 ? 0 : v > (double)n ? n : (int64_t)v;
}

static double pool_bin(const struct tensor *x, int64_t plane, const double *roi,
                       int64_t by, int64_t bx, const struct tensor *out)
{
    const double h = fmax(roi[3] - roi[1] + 1, 1) / (double)out->dim[2];
    const double w = fmax(roi[2] - roi[0] + 1, 1) / (double)out->dim[3];
    const int64_t y0 = clip(floor((double)by * h) + roi[1], x->dim[2]);
    const int64_t y1 = clip(ceil((double)(by + 1) * h) + roi[1], x->dim[2]);
    const int64_t x0 = clip(floor((double)bx * w) + roi[0], x->dim[3]);
    const int64_t x1 = clip(ceil((double)(bx + 1) * w) + roi[0], x->dim[3]);
    double top = y1 > y0 && x1 > x0 ? -HUGE_VAL : 0;
    for (int64_t y = y0; y < y1; y++) {
        for (int64_t i = x0; i < x1; i++)
            top = fmax(top, op_number(x, (plane * x->dim[2] + y) * x->dim[3] + i));
    }
    return top;
}

static int run_roi_pool(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0], *out = call->out[0];
    const double scale = (double)node_float(call->node, "spatial_scale", 1);
    const int64_t bins = out->dim[2] * out->dim[3];
    for (int64_t i = 0; i < out->dim[0]; i++) {
        double r[5];
        tensor_load_f64(call->in[1], i * 5, 5, r);
        if (!(r[0] >= 0 && r[0] < (double)x->dim[0]))
            return err_set(err, ERR_FORMAT, "region of image %g", r[0]);
        for (int k = 1; k < 5; k++)
            r[k] = round(r[k] * scale);
        for (int64_t k = 0; k < x->dim[1] * bins; k++) {
            const int64_t c = k / bins, b = k % bins;
            const double v = pool_bin(x, (int64_t)r[0] * x->dim[1] + c, r + 1,
                                      b / out->dim[3], b % out->dim[3], out);
            tensor_store_f64(call->out[0], i * x->dim[1] * bins + k, 1, &v);
        }
    }
    return 0;
}

#define ALIGN                                                          \
    " coordinate_transformation_mode mode output_height output_width " \
    "sampling_ratio spatial_scale "

const struct op op_boxes_rows[] = {
    {"", "NonMaxSuppression", 10, 2, 5, 1, " center_point_box ", infer_nms, run_nms},
    {"", "RoiAlign", 10, 3, 3, 1, ALIGN, infer_align, run_align},
    {"", "MaxRoiPool", 1, 2, 2, 1, " pooled_shape spatial_scale ", infer_roi_pool,
     run_roi_pool},
    {0},
};
