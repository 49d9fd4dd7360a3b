#include "pipeline/pipeline.h"

#include <assert.h>
#include <string.h>

const struct pipeline_def *pipeline_find(const char *name)
{
    for (size_t i = 0; pipeline_table[i]; i++) {
        if (strcmp(pipeline_table[i]->name, name) == 0)
            return pipeline_table[i];
    }
    return NULL;
}

bool pipeline_wants(const struct pipeline_def *def, const struct study_facts *study,
                    struct pipeline_want *ret)
{
    return def->card ? def->card_wants(def->card, study, ret) : def->wants(study, ret);
}

int pipeline_run(const struct pipeline_def *def, const struct pipeline_input *in,
                 struct result **ret, struct err *err)
{
    return def->card ? def->card_run(def, in, ret, err) : def->run(in, ret, err);
}

double pipeline_option(const struct pipeline_def *def, const struct pipeline_input *in,
                       const char *name)
{
    for (size_t i = 0; i < in->option_count; i++) {
        if (strcmp(in->options[i].name, name) == 0)
            return in->options[i].value;
    }
    for (const struct pipeline_option_def *o = def->options; o && o->name; o++) {
        if (strcmp(o->name, name) == 0)
            return o->initial;
    }
    assert(!"an option that the analysis does not declare");
    return 0.0;
}
