/* SPDX-License-Identifier: MIT */
#include "parquet/tree.h"

#include <string.h>

#define NODES_MAX 16384
#define DEPTH_MAX 40

enum { REQUIRED = 0, OPTIONAL = 1, REPEATED = 2 };

struct node { /* a SchemaElement */
    const uint8_t *name;
    uint32_t       name_bytes;
    int            repetition, n_children, converted;
};

/* What a node is to the one above it. BOTH: an older list, whose repeated node is its element too. */
enum role { FIELD, LIST, ELEMENT, BOTH, PAIR, KEY, VALUE };

/* names; how many levels of ours it takes */
static const struct {
    const char *name;
    size_t      bytes;
    int         levels;
} roles[] = {[FIELD] = {NULL, 0, 1},        [LIST] = {"list", 5, 1},
             [ELEMENT] = {"element", 8, 1}, [BOTH] = {"list\0element", 13, 2},
             [PAIR] = {"key_value", 10, 1}, [KEY] = {"key", 4, 0},
             [VALUE] = {"value", 6, 1}};

struct place {
    size_t  path_bytes;
    uint8_t level, repeat, ours, levels[TREE_LEVELS_MAX + 1];
};

struct walk {
    struct arena     *arena;
    struct node      *nodes;
    uint32_t          n_nodes, at, n_leaves;
    struct tree_leaf *leaves;
    uint8_t           path[TREE_PATH_MAX];
    bool              no_memory;
};

static void read_node(struct thrift_in *t, struct node *x)
{
    int16_t field;
    int     type;
    *x = (struct node){.converted = -1};
    thrift_in_struct(t);
    while (thrift_next(t, &field, &type)) {
        if (field == 3 && type == 5)
            x->repetition = (int)thrift_read_int(t);
        else if (field == 4 && type == 8)
            x->name = thrift_read_binary(t, &x->name_bytes);
        else if (field == 5 && type == 5)
            x->n_children = (int)thrift_read_int(t);
        else if (field == 6 && type == 5)
            x->converted = (int)thrift_read_int(t);
        else
            thrift_skip(t, type);
    }
    t->v.failed = t->v.failed || !x->name || x->n_children < 0 || x->n_children > NODES_MAX;
}

static bool enter(struct walk *w, struct place *p, const struct node *x, enum role role)
{
    const void *name = roles[role].name ? (const void *)roles[role].name : x->name;
    size_t      n = roles[role].name ? roles[role].bytes : x->name_bytes + 1u;
    if (p->path_bytes + n > TREE_PATH_MAX || p->level == TREE_LEVELS_MAX || p->ours > TREE_LEVELS_MAX)
        return false;
    memcpy(w->path + p->path_bytes, name, n - 1);
    p->path_bytes += n;
    w->path[p->path_bytes - 1] = 0;
    if (x->repetition != REQUIRED)
        p->levels[p->level++] = p->ours; /* the level of what has ended above it */
    p->repeat = (uint8_t)(p->repeat + (x->repetition == REPEATED));
    p->ours = (uint8_t)(p->ours + roles[role].levels);
    p->levels[p->level] = p->ours;
    return true;
}

static bool add_leaf(struct walk *w, const struct place *p)
{
    struct tree_leaf *l = &w->leaves[w->n_leaves++];
    l->path = arena_copy(w->arena, w->path, p->path_bytes);
    l->path_bytes = p->path_bytes;
    l->max_level = p->level;
    l->max_repeat = p->repeat;
    l->same = true;
    memcpy(l->levels, p->levels, sizeof l->levels);
    for (int i = 0; i <= l->max_level; i++)
        l->same = l->same && l->levels[i] == i;
    w->no_memory = !l->path;
    return l->path != NULL;
}

/* Of the i-th child, which is the next node, below x. */
static enum role role_of_child(const struct walk *w, const struct node *x, enum role role, int i)
{
    if (role == LIST)
        return ELEMENT;
    if (role == PAIR)
        return i == 0 ? KEY : VALUE;
    if (w->at == w->n_nodes || x->n_children != 1 || x->repetition == REPEATED)
        return FIELD;
    const struct node *below = &w->nodes[w->at];
    if (below->repetition != REPEATED)
        return FIELD;
    if (below->n_children == 2 && (x->converted == 1 || x->converted == 2 ||
                                   (below->name_bytes == 9 && memcmp(below->name, "key_value", 9) == 0)))
        return PAIR;
    return below->n_children == 1 ? LIST : BOTH;
}

static bool walk_node(struct walk *w, struct place p, enum role role, int depth)
{
    if (w->at == w->n_nodes || depth > DEPTH_MAX)
        return false;
    const struct node *x = &w->nodes[w->at++];
    if (!enter(w, &p, x, role))
        return false;
    for (int i = 0; i < x->n_children; i++)
        if (!walk_node(w, p, role_of_child(w, x, role, i), depth + 1))
            return false;
    return x->n_children > 0 || add_leaf(w, &p);
}

enum err tree_read(struct thrift_in *t, struct arena *a, struct tree_leaf **leaves, uint32_t *n_leaves)
{
    int         item;
    struct walk w = {.arena = a, .n_nodes = thrift_read_list(t, &item)};
    if (t->v.failed || item != 12 || w.n_nodes == 0 || w.n_nodes > NODES_MAX)
        return ERR_CORRUPT;
    w.nodes = arena_zalloc(a, w.n_nodes * sizeof *w.nodes);
    w.leaves = arena_zalloc(a, w.n_nodes * sizeof *w.leaves);
    if (!w.nodes || !w.leaves)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < w.n_nodes && !t->v.failed; i++)
        read_node(t, &w.nodes[i]);
    const struct place top = {.path_bytes = 0};
    const struct node *root = &w.nodes[w.at++];
    bool               good = !t->v.failed;
    for (int i = 0; good && i < root->n_children; i++)
        good = walk_node(&w, top, FIELD, 0);
    *leaves = w.leaves;
    *n_leaves = w.n_leaves;
    if (good && w.at == w.n_nodes)
        return OK;
    return w.no_memory ? ERR_NO_MEMORY : ERR_CORRUPT;
}
