#include "kernels/onnx/onnx_wire.h"

#include "base/err.h"
#include "base/file.h"
#include "kernels/graph.h"
#include "kernels/ops/op.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>

enum { OPSET_MAX = 21, PORTS_MAX = 4096 };

/** A model on its way in. */
struct reader {
    const Onnx__ModelProto *model;
    const char *folder;
    const struct onnx_limits *limits;
    struct graph *graph;
    size_t used_bytes; // of tensors
};

static const char *text(const char *s)
{
    return s ? s : "";
}

static int read_opset(const struct reader *r, const char *domain, int *ret,
                      struct err *err)
{
    const bool ours = strcmp(domain, "") == 0 || strcmp(domain, "ai.onnx") == 0;
    for (size_t i = 0; i < r->model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = r->model->opset_import[i];
        const char *name = text(set->domain);
        const bool same = ours ? strcmp(name, "") == 0 || strcmp(name, "ai.onnx") == 0
                               : strcmp(name, domain) == 0;
        if (!same)
            continue;
        if (set->version < 1 || set->version > OPSET_MAX)
            return err_set(err, ERR_UNSUPPORTED, "opset %lld; we know 1 to %d",
                           (long long)set->version, OPSET_MAX);
        *ret = (int)set->version;
        return 0;
    }
    // Models before opsets were versioned have no import: they mean the first.
    if (ours && r->model->n_opset_import == 0) {
        *ret = 1;
        return 0;
    }
    return err_set(err, ERR_FORMAT, "domain '%.40s' is not imported", domain);
}

static int read_tensor(struct reader *r, const Onnx__TensorProto *proto,
                       struct tensor **ret, struct err *err)
{
    struct tensor *t = NULL;
    const int e = onnx_tensor_from(proto, r->folder, r->limits, &t, err);
    if (e != 0)
        return e;
    const size_t bytes = tensor_bytes(t);
    if (bytes > r->limits->memory_bytes - r->used_bytes) {
        tensor_destroy(t);
        return err_set(err, ERR_LIMIT, "tensors of more than %zu bytes",
                       r->limits->memory_bytes);
    }
    r->used_bytes += bytes;
    *ret = t;
    return 0;
}

static int read_initializer(struct reader *r, const Onnx__TensorProto *proto,
                            struct err *err)
{
    int index;
    auto_(tensor) struct tensor *t = NULL;
    if (!proto->name || !*proto->name)
        return err_set(err, ERR_FORMAT, "initialiser without a name");
    int e = read_tensor(r, proto, &t, err);
    if (e == 0)
        e = graph_need_value(r->graph, proto->name, &index, err);
    if (e == 0 && r->graph->values[index].constant)
        e = err_set(err, ERR_FORMAT, "stands there twice");
    if (e != 0)
        return err_add(err, "initialiser '%.60s'", proto->name);
    graph_set_constant(r->graph, index, t);
    return 0;
}

static int read_type(const Onnx__ValueInfoProto *info, struct tensor *shape,
                     struct err *err)
{
    if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return err_set(err, ERR_UNSUPPORTED, "is no tensor");
    const Onnx__TypeProto__Tensor *type = info->type->tensor_type;
    shape->type = (enum tensor_type)type->elem_type;
    if (tensor_type_size(shape->type) == 0)
        return err_set(err, ERR_UNSUPPORTED, "is of type %d", type->elem_type);
    shape->rank = -1;
    if (!type->shape)
        return 0;
    if (type->shape->n_dim > TENSOR_RANK_MAX)
        return err_set(err, ERR_UNSUPPORTED, "has %zu axes", type->shape->n_dim);
    shape->rank = (int)type->shape->n_dim;
    for (int i = 0; i < shape->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = type->shape->dim[i];
        const bool fixed =
            d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (fixed && d->dim_value < 0)
            return err_set(err, ERR_FORMAT, "axis %d is negative", i);
        shape->dim[i] = fixed ? d->dim_value : -1;
    }
    return 0;
}

static int read_input(struct reader *r, const Onnx__ValueInfoProto *info, struct err *err)
{
    const char *name = text(info->name);
    int index = graph_find_value(r->graph, name);
    if (index >= 0 && r->graph->values[index].constant)
        return 0; // up to IR version 3 initialisers are inputs too: they have their default
    if (index >= 0 || !*name)
        return err_set(err, ERR_FORMAT, "input '%.60s' stands there twice or has no name",
                       name);
    struct tensor shape = {0};
    int e = read_type(info, &shape, err);
    if (e == 0)
        e = graph_need_value(r->graph, name, &index, err);
    if (e == 0)
        e = graph_add_input(r->graph, index, err);
    if (e != 0)
        return err_add(err, "input '%.60s'", name);
    r->graph->values[index].shape = shape;
    return 0;
}

static int copy_floats(struct attr *a, const Onnx__AttributeProto *p, struct err *err)
{
    a->type = ATTR_FLOATS;
    a->count = p->n_floats;
    a->floats = calloc(a->count + 1, sizeof(*a->floats));
    if (!a->floats)
        return err_set(err, ERR_NOMEM, "floats");
    if (a->count > 0)
        memcpy(a->floats, p->floats, a->count * sizeof(*a->floats));
    return 0;
}

static int copy_string(struct attr *a, const Onnx__AttributeProto *p, struct err *err)
{
    a->type = ATTR_STRING;
    a->s = strndup(p->s.data ? (const char *)p->s.data : "", p->s.len);
    return a->s ? 0 : err_set(err, ERR_NOMEM, "a string");
}

/** IR version 1 wrote no type: then the field that is filled says it. */
static int attr_type_of(const Onnx__AttributeProto *p)
{
    if (p->has_type && p->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return (int)p->type;
    if (p->has_f)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (p->has_i)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (p->has_s)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (p->n_floats)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static int read_attr(struct reader *r, struct node *node, const Onnx__AttributeProto *p,
                     struct err *err)
{
    const char *name = text(p->name);
    struct attr *a;
    if (!op_knows_attr(node->op, name))
        return err_set(err, ERR_UNSUPPORTED, "attribute '%.40s' is not known", name);
    if (node_attr(node, name))
        return err_set(err, ERR_FORMAT, "attribute '%.40s' stands there twice", name);
    const int e = node_need_attr(node, name, &a, err);
    if (e != 0)
        return e;
    switch (attr_type_of(p)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        a->type = ATTR_INT;
        a->i = p->i;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        a->type = ATTR_FLOAT;
        a->f = p->f;
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        return copy_string(a, p, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return node_set_ints(node, name, p->ints, p->n_ints, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return copy_floats(a, p, err);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        a->type = ATTR_TENSOR;
        return p->t ? read_tensor(r, p->t, &a->t, err)
                    : err_set(err, ERR_FORMAT, "attribute '%.40s' is empty", name);
    default:
        return err_set(err, ERR_UNSUPPORTED, "attribute '%.40s' of kind %d", name,
                       attr_type_of(p));
    }
}

static int find_inputs(const struct graph *graph, const Onnx__NodeProto *p, int *ret,
                       struct err *err)
{
    for (size_t i = 0; i < p->n_input; i++) {
        ret[i] = *p->input[i] ? graph_find_value(graph, p->input[i]) : -1;
        if (*p->input[i] && ret[i] < 0)
            return err_set(err, ERR_FORMAT,
                           "needs '%.60s', which nothing before it makes", p->input[i]);
    }
    return 0;
}

static int need_outputs(struct graph *graph, const Onnx__NodeProto *p, int *ret,
                        struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < p->n_output; i++) {
        ret[i] = -1;
        if (!*p->output[i])
            continue;
        const int found = graph_find_value(graph, p->output[i]);
        if (found >= 0)
            return err_set(err, ERR_FORMAT, "makes '%.60s', which is there already",
                           p->output[i]);
        e = graph_need_value(graph, p->output[i], &ret[i], err);
    }
    return e;
}

static int check_ports(const struct op *op, const Onnx__NodeProto *p, struct err *err)
{
    const size_t in = p->n_input, out = p->n_output;
    if (in < (size_t)op->in_min || in > (size_t)op->in_max || in > PORTS_MAX)
        return err_set(err, ERR_FORMAT, "has %zu inputs", in);
    if (out < 1 || out > (size_t)op->out_max || out > PORTS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "has %zu outputs", out);
    for (int i = 0; i < op->in_min; i++) {
        if (!*p->input[i])
            return err_set(err, ERR_FORMAT, "input %d is not given", i);
    }
    return 0;
}

static int add_node(struct reader *r, const Onnx__NodeProto *p, struct err *err)
{
    const struct op *op;
    struct node *node;
    int opset = 1, e = read_opset(r, text(p->domain), &opset, err);
    if (e == 0)
        e = op_find(text(p->domain), text(p->op_type), opset, &op, err);
    if (e == 0)
        e = check_ports(op, p, err);
    if (e != 0)
        return e;

    int *ports = calloc(p->n_input + p->n_output + 1, sizeof(*ports));
    if (!ports)
        return err_set(err, ERR_NOMEM, "a node");
    e = find_inputs(r->graph, p, ports, err);
    if (e == 0)
        e = need_outputs(r->graph, p, ports + p->n_input, err);
    if (e == 0)
        e = graph_add_node(r->graph, op, p->name, ports, p->n_input, ports + p->n_input,
                           p->n_output, &node, err);
    free(ports);
    if (e != 0)
        return e;
    node->opset = opset;
    for (size_t i = 0; e == 0 && i < p->n_attribute; i++)
        e = read_attr(r, node, p->attribute[i], err);
    return e;
}

static int read_output(struct reader *r, const Onnx__ValueInfoProto *info,
                       struct err *err)
{
    const int index = graph_find_value(r->graph, text(info->name));
    if (index < 0)
        return err_set(err, ERR_FORMAT, "output '%.60s' is made by nothing",
                       text(info->name));
    return graph_add_output(r->graph, index, err);
}

static int read_graph(struct reader *r, struct err *err)
{
    const Onnx__GraphProto *g = r->model->graph;
    if (!g)
        return err_set(err, ERR_FORMAT, "a model without a graph");
    if (g->n_sparse_initializer)
        return err_set(err, ERR_UNSUPPORTED, "sparse initialisers");
    if (r->model->n_functions)
        return err_set(err, ERR_UNSUPPORTED, "functions of the model's own ('%.60s')",
                       text(r->model->functions[0]->name));
    if (g->n_output == 0)
        return err_set(err, ERR_FORMAT, "a graph without outputs");

    int e = 0;
    for (size_t i = 0; e == 0 && i < g->n_initializer; i++)
        e = read_initializer(r, g->initializer[i], err);
    for (size_t i = 0; e == 0 && i < g->n_input; i++)
        e = read_input(r, g->input[i], err);
    for (size_t i = 0; e == 0 && i < g->n_node; i++) {
        e = add_node(r, g->node[i], err);
        if (e != 0)
            e = err_add(err, "node %zu '%.60s' (%.40s)", i, text(g->node[i]->name),
                        text(g->node[i]->op_type));
    }
    for (size_t i = 0; e == 0 && i < g->n_output; i++)
        e = read_output(r, g->output[i], err);
    return e;
}

int onnx_parse(const void *data, size_t size, const char *folder,
               const struct onnx_limits *limits, struct graph **ret, struct err *err)
{
    struct onnx_wire wire;
    auto_(graph) struct graph *graph = NULL;
    int e = onnx_wire_unpack(&wire, &onnx__model_proto__descriptor, data, size,
                             limits->memory_bytes, err);
    if (e == 0)
        e = graph_create(&graph, err);
    if (e == 0) {
        struct reader r = {.model = (const Onnx__ModelProto *)wire.message,
                           .folder = folder,
                           .limits = limits,
                           .graph = graph};
        e = read_graph(&r, err);
    }
    onnx_wire_finish(&wire);
    if (e != 0)
        return e;
    *ret = take(graph);
    return 0;
}

int onnx_load(const char *path, const struct onnx_limits *limits, struct graph **ret,
              struct err *err)
{
    char *data, folder[FILE_PATH];
    size_t size;
    if (strlen(path) >= sizeof(folder))
        return err_set(err, ERR_LIMIT, "path longer than %d bytes", FILE_PATH - 1);
    strcpy(folder, path);
    int e = file_read(path, limits->file_bytes, &data, &size, err);
    if (e != 0)
        return e;
    e = onnx_parse(data, size, dirname(folder), limits, ret, err);
    free(data);
    return e;
}
