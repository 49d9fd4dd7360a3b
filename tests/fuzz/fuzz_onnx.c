/* A model from outside: read, made ready and, where that worked, run on numbers in [0, 1),
 * within a bound of memory. The first byte chooses the executor. */
#include "base/err.h"
#include "kernels/engine.h"
#include "tests/fuzz/fuzz.h"

enum { PORTS = 16, MEMORY_BYTES = 64 << 20, NUMBERS_MAX = 1 << 16, WORK_MAX = 20000000 };

static const enum err_code CODES[] = {ERR_NOMEM, ERR_FORMAT, ERR_UNSUPPORTED, ERR_LIMIT,
                                      ERR_NOTFOUND};

static void expect_reason(int e, const struct err *err)
{
    bool known = false;
    for (size_t i = 0; i < sizeof(CODES) / sizeof(CODES[0]); i++)
        known = known || e == (int)CODES[i];
    PROMISE(known && err->text[0]);
}

/** Inputs with open axes at 1; false if they are too large for a fuzzer. */
static bool make_inputs(const struct engine *engine, struct tensor *inputs)
{
    int64_t total = 0;
    for (size_t i = 0; i < engine_input_count(engine); i++) {
        inputs[i] = *engine_input_shape(engine, i);
        if (inputs[i].rank < 0)
            inputs[i].rank = 0;
        for (int d = 0; d < inputs[i].rank; d++)
            inputs[i].dim[d] = inputs[i].dim[d] < 0 ? 1 : inputs[i].dim[d];
        if (tensor_check_bytes(&inputs[i], MEMORY_BYTES, NULL) != 0)
            return false;
        total += tensor_count(&inputs[i]);
        if (total > NUMBERS_MAX || tensor_allocate(&inputs[i], NULL) != 0)
            return false;
        for (int64_t k = 0; k < tensor_count(&inputs[i]); k++)
            tensor_store_f64(&inputs[i], k, 1, &(double){(double)(k * 37 % 64) / 64});
    }
    return true;
}

static void run(struct engine *engine)
{
    struct tensor inputs[PORTS] = {0};
    const struct tensor *in[PORTS], *out[PORTS];
    struct err err = {0};
    if (engine_input_count(engine) > PORTS || engine_output_count(engine) > PORTS)
        return;
    for (size_t i = 0; i < PORTS; i++)
        in[i] = &inputs[i];
    if (make_inputs(engine, inputs)) {
        const int e = engine_run(engine, in, out, &err);
        if (e != 0)
            expect_reason(e, &err);
        for (size_t i = 0; e == 0 && i < engine_output_count(engine); i++) {
            volatile unsigned char sum = 0; // every byte of the result may be read
            for (size_t k = 0; k < tensor_bytes(out[i]); k++)
                sum ^= ((const unsigned char *)out[i]->data)[k];
            (void)sum;
        }
    }
    for (size_t i = 0; i < engine_input_count(engine); i++)
        tensor_finish(&inputs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    auto_(engine) struct engine *engine = NULL;
    if (size < 1)
        return 0;
    const struct engine_options options = {.executor = data[0] & 1 ? "dnnl" : "reference",
                                           .max_work = WORK_MAX,
                                           .memory_bytes = MEMORY_BYTES};
    const int e = engine_open_bytes(data + 1, size - 1, &options, &engine, &err);
    if (e != 0)
        expect_reason(e, &err);
    else
        run(engine);
    return 0;
}
