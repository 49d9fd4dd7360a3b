#include "kernels/passes/pass.h"

#include "base/err.h"
#include "kernels/step.h"

#include <string.h>

static const struct pass PASSES[] = {
    {"fold", "computes what depends on constants and frozen shapes alone", NULL,
     pass_fold},
    {"padding", "takes zero padding into convolutions and averages", false, pass_padding},
    {"batchnorm", "takes BatchNormalization into convolutions", false, pass_batchnorm},
    {"affine", "takes factors and terms of channels into convolutions", NULL,
     pass_affine},
    {"stride", "computes only what 1 x 1 convolutions with a stride look at", false,
     pass_stride},
    {"residual", "adds residuals inside convolutions", false, pass_residual},
    {"activation", "applies activations inside convolutions", false, pass_activation},
    {"deconv", "makes deconvolutions in steps of their kernel 1 x 1 convolutions", false,
     pass_deconv_gemm},
    {"int8", "runs convolutions and what is between on 8-bit numbers where calibrated",
     false, pass_int8},
    {"dead", "removes nodes whose results nobody reads", false, pass_dead},
    {"precision", "runs convolutions in bfloat16 where that was asked for", true,
     pass_precision},
    {"layout", "lays values around convolutions as oneDNN likes them", true, pass_layout},
    {"join", "lays 8-bit parts of a Concat inside it from the start", true, pass_join},
};
enum { PASS_COUNT = sizeof(PASSES) / sizeof(PASSES[0]) };

const struct pass *pass_at(size_t i)
{
    return i < PASS_COUNT ? &PASSES[i] : NULL;
}

/** The length of the name at list; *next is the one behind its comma, or NULL. */
static size_t name_at(const char *list, const char **next)
{
    const char *comma = strchr(list, ',');
    *next = comma ? comma + 1 : NULL;
    return comma ? (size_t)(comma - list) : strlen(list);
}

static bool is_name(const char *name, const char *at, size_t length)
{
    return strlen(name) == length && strncmp(name, at, length) == 0;
}

bool pass_is_off(const struct pass_context *context, const char *name)
{
    for (const char *at = context->off, *next; at; at = next) {
        const size_t length = name_at(at, &next);
        if (is_name(name, at, length))
            return true;
    }
    return false;
}

static int check_names(const struct pass_context *context, struct err *err)
{
    for (const char *at = context->off, *next; at; at = next) {
        const size_t length = name_at(at, &next);
        bool known = length == 0 || is_name("share", at, length);
        for (size_t i = 0; i < PASS_COUNT; i++)
            known = known || is_name(PASSES[i].name, at, length);
        if (!known)
            return err_set(err, ERR_CONFIG, "no pass is called '%.*s'",
                           (int)(length < 40 ? length : 40), at);
    }
    return 0;
}

int pass_run_all(struct graph *graph, const struct pass_context *context, struct err *err)
{
    int e = check_names(context, err);
    if (e == 0)
        e = step_infer_all(graph, context->tensor_bytes, err);
    for (size_t i = 0; e == 0 && i < PASS_COUNT; i++) {
        const struct pass *pass = &PASSES[i];
        if (pass_is_off(context, pass->name) || (pass->fast_only && !context->executor))
            continue;
        e = pass->run(graph, context, err);
        if (e == 0)
            e = step_infer_all(graph, context->tensor_bytes, err);
    }
    return e;
}
