/*
 * einsum: Einsum (sums of products over named axes) and CumSum.
 *
 * An equation "bij,bjk->bik" names the axes of each input and of the result; names that the
 * result lacks are summed over. "..." stands for axes without a name, which broadcast; without
 * "->" the result has the names that stand once, by alphabet. Sums are in double.
 */
#include "kernels/ops/einsum.h"

#include "base/err.h"
#include "kernels/ops/op.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    TERMS = 8,
    NAMES = 24,
    LETTERS = 128,
    DOTS = LETTERS
}; // DOTS + i: axis i of "..."

struct names {
    int count;
    int name[TENSOR_RANK_MAX]; // a letter, or DOTS and more
};

struct einsum {
    int count;                    // of all names
    int name[NAMES];              // those of the result first, in its order
    int64_t dim[NAMES];           // how long each axis is
    int64_t stride[TERMS][NAMES]; // of each input along each name, in elements
    int rank, terms;              // of the result; inputs
    struct names in[TERMS], out;
    int dots; // axes that "..." stands for, the most of all inputs
};

/** The names of one term of the equation, which ends at a comma, an arrow or the end. */
static const char *read_term(const char *p, int rank, struct einsum *s,
                             struct names *names, struct err *err)
{
    int letters = 0;
    for (const char *q = p; *q && *q != ',' && *q != '-'; q++)
        letters += isalpha((unsigned char)*q) != 0;
    const int dots = rank < 0 ? s->dots : rank - letters;
    names->count = 0;
    for (; *p && *p != ',' && *p != '-'; p++) {
        if (*p == ' ')
            continue;
        const bool is_dots = strncmp(p, "...", 3) == 0;
        if ((!is_dots && !isalpha((unsigned char)*p)) || dots < 0
            || names->count + (is_dots ? dots : 1) > TENSOR_RANK_MAX)
            return err_set(err, ERR_FORMAT, "equation at '%.20s'", p), NULL;
        if (!is_dots) {
            names->name[names->count++] = (unsigned char)*p;
            continue;
        }
        // The last of the axes without a name are the same in all.
        for (int i = 0; i < dots; i++)
            names->name[names->count++] = DOTS + TENSOR_RANK_MAX - dots + i;
        s->dots = dots > s->dots ? dots : s->dots;
        p += 2;
    }
    if (rank >= 0 && names->count != rank)
        return err_set(err, ERR_FORMAT, "a term names %d axes of %d", names->count, rank),
               NULL;
    return p;
}

static int find_name(const struct einsum *s, int name)
{
    for (int i = 0; i < s->count; i++) {
        if (s->name[i] == name)
            return i;
    }
    return -1;
}

static int add_name(struct einsum *s, int name, struct err *err)
{
    if (find_name(s, name) >= 0)
        return 0;
    if (s->count == NAMES)
        return err_set(err, ERR_LIMIT, "an equation of more than %d names", NAMES);
    s->dim[s->count] = 1;
    s->name[s->count++] = name;
    return 0;
}

static int count_uses(const struct einsum *s, int name)
{
    int uses = 0;
    for (int t = 0; t < s->terms; t++) {
        for (int i = 0; i < s->in[t].count; i++)
            uses += s->in[t].name[i] == name;
    }
    return uses;
}

/** Without an arrow: "..." first, then what stands once, by alphabet. */
static int imply_result(struct einsum *s, struct err *err)
{
    s->out.count = 0;
    for (int name = 0; name < DOTS + TENSOR_RANK_MAX; name++) {
        const int n = (name + DOTS) % (DOTS + TENSOR_RANK_MAX); // "..." comes first
        const int uses = count_uses(s, n);
        if (uses == 0 || (n < DOTS && uses > 1))
            continue;
        if (s->out.count == TENSOR_RANK_MAX)
            return err_set(err, ERR_LIMIT, "a result of too many axes");
        s->out.name[s->out.count++] = n;
    }
    return 0;
}

/** Lengths and strides of every name from the inputs' shapes. */
static int measure(struct einsum *s, const struct op_call *call, struct err *err)
{
    for (int t = 0; t < s->terms; t++) {
        int64_t stride = 1;
        for (int i = s->in[t].count - 1; i >= 0; i--) {
            const int k = find_name(s, s->in[t].name[i]);
            const int64_t n = call->in[t]->dim[i];
            if (k < 0 || (n != s->dim[k] && n != 1 && s->dim[k] != 1))
                return err_set(err, ERR_FORMAT, "axis %d of input %d is %lld", i, t,
                               (long long)n);
            s->dim[k] = s->dim[k] == 1 ? n : s->dim[k];
            s->stride[t][k] += n == 1 ? 0 : stride;
            stride *= n;
        }
    }
    return 0;
}

static int collect_names(struct einsum *s, struct err *err)
{
    int e = 0;
    for (int i = 0; e == 0 && i < s->out.count; i++) {
        if (count_uses(s, s->out.name[i]) == 0 || find_name(s, s->out.name[i]) >= 0)
            return err_set(err, ERR_FORMAT, "the result names an axis twice or of none");
        e = add_name(s, s->out.name[i], err);
    }
    s->rank = s->out.count;
    for (int t = 0; e == 0 && t < s->terms; t++) {
        for (int i = 0; e == 0 && i < s->in[t].count; i++)
            e = add_name(s, s->in[t].name[i], err);
    }
    return e;
}

static int read_equation(struct einsum *s, const struct op_call *call, struct err *err)
{
    const char *p = node_string(call->node, "equation", "");
    *s = (struct einsum){0};
    for (; s->terms < TERMS && (size_t)s->terms < call->in_count; s->terms++) {
        p = read_term(p, call->in[s->terms]->rank, s, &s->in[s->terms], err);
        if (!p)
            return ERR_FORMAT;
        p += *p == ',';
    }
    if ((size_t)s->terms != call->in_count || (*p && strncmp(p, "->", 2) != 0))
        return err_set(err, ERR_FORMAT, "the equation has not %zu terms", call->in_count);
    int e = 0;
    if (!*p)
        e = imply_result(s, err);
    else if (!(p = read_term(p + 2, -1, s, &s->out, err)) || *p)
        e = p ? err_set(err, ERR_FORMAT, "the equation at '%.20s'", p) : ERR_FORMAT;
    if (e == 0)
        e = collect_names(s, err);
    return e != 0 ? e : measure(s, call, err);
}

static int infer_einsum(struct op_call *call, struct err *err)
{
    struct einsum s;
    int e = op_want_same(call, 0, err);
    const enum tensor_type type = call->in[0]->type;
    if (e == 0 && !tensor_type_is_float(type) && type != TENSOR_I32 && type != TENSOR_I64)
        e = err_set(err, ERR_UNSUPPORTED, "of %s", tensor_type_name(type));
    if (e == 0)
        e = read_equation(&s, call, err);
    if (e == 0)
        op_shape(call, 0, type, s.rank, s.dim);
    return e;
}

/** The sum of products over all names behind the result's, with the inputs at those places. */
static double sum_products(const struct einsum *s, double *const *x, const int64_t *from)
{
    int64_t at[NAMES] = {0};
    double sum = 0;
    const int rest = s->count - s->rank;
    do {
        double product = 1;
        for (int t = 0; t < s->terms; t++) {
            int64_t place = from[t];
            for (int k = 0; k < rest; k++)
                place += at[k] * s->stride[t][s->rank + k];
            product *= x[t][place];
        }
        sum += product;
    } while (op_next(s->dim + s->rank, rest, at));
    return sum;
}

static int run_einsum(struct op_call *call, struct err *err)
{
    struct einsum s;
    double *x[TERMS] = {0};
    int64_t at[NAMES] = {0}, total = 1;
    int e = read_equation(&s, call, err);
    for (int t = 0; e == 0 && t < s.terms; t++) {
        const int64_t n = tensor_count(call->in[t]);
        x[t] = malloc(((size_t)n + 1) * sizeof(double));
        if (!x[t])
            e = err_set(err, ERR_NOMEM, "doubles of input %d", t);
        else
            tensor_load_f64(call->in[t], 0, n, x[t]);
    }
    for (int k = 0; k < s.count; k++)
        total *= s.dim[k] > 0;
    for (int64_t i = 0; e == 0 && i < tensor_count(call->out[0]); i++) {
        int64_t from[TERMS] = {0};
        for (int t = 0; t < s.terms; t++) {
            for (int k = 0; k < s.rank; k++)
                from[t] += at[k] * s.stride[t][k];
        }
        const double sum = total ? sum_products(&s, x, from) : 0;
        tensor_store_f64(call->out[0], i, 1, &sum);
        op_next(s.dim, s.rank, at);
    }
    for (int t = 0; t < TERMS; t++)
        free(x[t]);
    return e;
}

double einsum_work(const struct op_call *call)
{
    struct einsum s;
    struct err err;
    double work = 1;
    if (read_equation(&s, call, &err) != 0)
        return 0;
    for (int k = 0; k < s.count; k++)
        work *= (double)s.dim[k];
    return work * s.terms;
}

/* CumSum */

static int infer_cumsum(struct op_call *call, struct err *err)
{
    if (tensor_count(call->in[1]) != 1 || tensor_type_is_float(call->in[1]->type))
        return err_set(err, ERR_FORMAT, "the axis is not one integer");
    return op_infer_same(call, err);
}

static int run_cumsum(struct op_call *call, struct err *err)
{
    const struct tensor *x = call->in[0];
    const bool exclusive = node_int(call->node, "exclusive", 0);
    const bool reverse = node_int(call->node, "reverse", 0);
    int64_t number;
    int axis;
    tensor_load_i64(call->in[1], 0, 1, &number);
    const int e = op_axis(number, x->rank, &axis, err);
    if (e != 0)
        return e;
    const int64_t n = x->dim[axis], inner = tensor_span(x, axis + 1, x->rank);
    for (int64_t line = 0; n > 0 && line < tensor_count(x) / n; line++) {
        const int64_t first = line / inner * n * inner + line % inner;
        double sum = 0;
        for (int64_t k = 0; k < n; k++) {
            const int64_t at = first + (reverse ? n - 1 - k : k) * inner;
            const double v = op_number(x, at), before = sum;
            sum += v;
            tensor_store_f64(call->out[0], at, 1, exclusive ? &before : &sum);
        }
    }
    return 0;
}

const struct op op_einsum_rows[] = {
    {"", "Einsum", 12, 1, TERMS, 1, " equation ", infer_einsum, run_einsum},
    {"", "CumSum", 11, 2, 2, 1, " exclusive reverse ", infer_cumsum, run_cumsum},
    {0},
};
