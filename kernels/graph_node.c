#include "kernels/graph.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

const struct attr *node_attr(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    }
    return NULL;
}

int64_t node_int(const struct node *node, const char *name, int64_t otherwise)
{
    const struct attr *a = node_attr(node, name);
    return a && a->type == ATTR_INT ? a->i : otherwise;
}

float node_float(const struct node *node, const char *name, float otherwise)
{
    const struct attr *a = node_attr(node, name);
    return a && a->type == ATTR_FLOAT ? a->f : otherwise;
}

const char *node_string(const struct node *node, const char *name, const char *otherwise)
{
    const struct attr *a = node_attr(node, name);
    return a && a->type == ATTR_STRING ? a->s : otherwise;
}

static void empty(struct attr *a)
{
    free(a->s);
    free(a->ints);
    free(a->floats);
    tensor_destroy(a->t);
    *a = (struct attr){.name = a->name};
}

int node_need_attr(struct node *node, const char *name, struct attr **ret,
                   struct err *err)
{
    for (size_t i = 0; i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) == 0) {
            empty(&node->attrs[i]);
            *ret = &node->attrs[i];
            return 0;
        }
    }
    struct attr *attrs = realloc(node->attrs, (node->attr_count + 1) * sizeof(*attrs));
    if (!attrs)
        return err_set(err, ERR_NOMEM, "attribute %s", name);
    node->attrs = attrs;
    char *copy = strdup(name);
    if (!copy)
        return err_set(err, ERR_NOMEM, "attribute %s", name);
    attrs[node->attr_count] = (struct attr){.name = copy};
    *ret = &attrs[node->attr_count++];
    return 0;
}

int node_set_int(struct node *node, const char *name, int64_t i, struct err *err)
{
    struct attr *a;
    const int e = node_need_attr(node, name, &a, err);
    if (e != 0)
        return e;
    a->type = ATTR_INT;
    a->i = i;
    return 0;
}

int node_set_float(struct node *node, const char *name, float f, struct err *err)
{
    struct attr *a;
    const int e = node_need_attr(node, name, &a, err);
    if (e != 0)
        return e;
    a->type = ATTR_FLOAT;
    a->f = f;
    return 0;
}

int node_set_string(struct node *node, const char *name, const char *s, struct err *err)
{
    struct attr *a;
    const int e = node_need_attr(node, name, &a, err);
    if (e != 0)
        return e;
    a->type = ATTR_STRING;
    a->s = strdup(s);
    return a->s ? 0 : err_set(err, ERR_NOMEM, "attribute %s", name);
}

int node_set_ints(struct node *node, const char *name, const int64_t *ints, size_t count,
                  struct err *err)
{
    struct attr *a;
    const int e = node_need_attr(node, name, &a, err);
    if (e != 0)
        return e;
    a->type = ATTR_INTS;
    a->ints = calloc(count + 1, sizeof(*a->ints));
    if (!a->ints)
        return err_set(err, ERR_NOMEM, "attribute %s", name);
    memcpy(a->ints, ints, count * sizeof(*ints));
    a->count = count;
    return 0;
}

void node_finish(struct node *node)
{
    for (size_t i = 0; i < node->attr_count; i++) {
        empty(&node->attrs[i]);
        free(node->attrs[i].name);
    }
    free(node->attrs);
    free(node->name);
    free(node->in);
    free(node->out);
    *node = (struct node){0};
}

static int copy_attr(struct node *to, const struct attr *from, struct err *err)
{
    struct attr *a;
    const int e = node_need_attr(to, from->name, &a, err);
    if (e != 0)
        return e;
    a->type = from->type;
    a->i = from->i;
    a->f = from->f;
    a->t = from->t ? tensor_share(from->t) : NULL;
    a->s = from->s ? strdup(from->s) : NULL;
    if (from->ints)
        a->ints = malloc((from->count + 1) * sizeof(*a->ints));
    if (from->floats)
        a->floats = malloc((from->count + 1) * sizeof(*a->floats));
    if ((from->s && !a->s) || (from->ints && !a->ints) || (from->floats && !a->floats))
        return err_set(err, ERR_NOMEM, "attribute %s", from->name);
    if (from->ints)
        memcpy(a->ints, from->ints, from->count * sizeof(*a->ints));
    if (from->floats)
        memcpy(a->floats, from->floats, from->count * sizeof(*a->floats));
    a->count = from->count;
    return 0;
}

int node_copy_attrs(struct node *to, const struct node *from, struct err *err)
{
    int e = 0;
    for (size_t i = 0; e == 0 && i < from->attr_count; i++)
        e = copy_attr(to, &from->attrs[i], err);
    return e;
}
