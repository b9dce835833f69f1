/* config.c - from a file, or from a bundle, to struct config. */
#include "config/config.h"
#include "config/assemble.h"
#include "config/canonical.h"
#include "config/check.h"
#include "config/columns.h"
#include "config/differences.h"
#include "config/files.h"
#include "config/include.h"
#include "config/read.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

/* One reading, from disk when `include` is set. */
struct load {
    struct arena *arena; /* becomes the configuration's storage */
    struct arena work;
    const struct bundle *bundle;
    struct include *include;
    struct diags *diags;
    size_t findings; /* that were there before */
    struct tree tree;
};

static void free_arena(struct arena *a)
{
    if (a != NULL)
        arena_free(a);
    free(a);
}

static bool out_of_memory(const struct load *l)
{
    return l->arena->failed || l->work.failed;
}

/* ---- text ---- */

static void read_entry(struct load *l, const struct bundle_entry *entry, size_t index)
{
    /* Origins of the finished configuration point to this copy. */
    const char *file = arena_copy(l->arena, entry->path);
    if (file == NULL)
        return;
    tree_read(&l->tree, &l->work, l->arena, l->diags, file, entry);
    if (l->include != NULL)
        include_expand(l->include, index, l->tree.includes);
}

/* Reading a text may append others to the bundle. A bundle that has them already gives the same
 * order. */
static void read_texts(struct load *l)
{
    size_t index = 0;
    for (size_t i = 0; i < bundle_count(l->bundle) && !out_of_memory(l); i++)
        if (bundle_at(l->bundle, i)->kind == BUNDLE_TEXT)
            read_entry(l, bundle_at(l->bundle, i), index++);
}

/* All findings of this reading so far: what follows looks at what was understood. */
static void mark_left_out(struct load *l)
{
    for (size_t i = l->findings; i < l->diags->count; i++)
        l->diags->items[i].left_out = true;
}

static struct config *build(struct load *l)
{
    struct config *c = arena_alloc(l->arena, sizeof *c);
    if (c == NULL)
        return NULL;
    c->storage = l->arena;
    struct build b = {.arena = l->arena,
                      .work = &l->work,
                      .diags = l->diags,
                      .config = c,
                      .tree = &l->tree,
                      .label = ""};
    assemble_config(&b);
    mark_left_out(l);
    if (out_of_memory(l))
        return NULL;
    check_config(c, l->tree.incomplete, l->diags);
    return out_of_memory(l) ? NULL : c;
}

/* NULL: out of memory. */
static struct config *read_and_build(struct load *l)
{
    read_texts(l);
    return out_of_memory(l) ? NULL : build(l);
}

/* A text that was cut short may have lost what makes sense of the rest. */
static struct config *finish(struct load *l, struct config *c)
{
    arena_free(&l->work);
    diag_sort(l->diags, l->findings);
    columns_find(l->bundle, l->diags);
    if (c != NULL && !l->tree.incomplete)
        return c;
    free_arena(l->arena);
    return NULL;
}

/* ---- from outside ---- */

static int begin(struct load *l, const struct bundle *b, struct diags *d)
{
    *l = (struct load){.arena = calloc(1, sizeof(struct arena)), .bundle = b, .diags = d};
    l->findings = d->count;
    if (l->arena != NULL)
        return 0;
    d->out_of_memory = true;
    return -1;
}

struct config *config_load(const struct bundle *b, struct diags *d)
{
    struct load l;
    if (begin(&l, b, d) != 0)
        return NULL;
    struct config *c = read_and_build(&l);
    d->out_of_memory |= out_of_memory(&l);
    if (c != NULL)
        files_visit(c, NULL, b, d);
    return finish(&l, c);
}

/* Read the texts, without the files that they name. */
static struct config *read_texts_from_disk(struct load *l, struct bundle *b, const char *path)
{
    struct include include = include_begin(b, &l->work, l->diags);
    l->include = &include;
    struct config *c = include_main(&include, path) == 0 ? read_and_build(l) : NULL;
    l->include = NULL;
    l->diags->out_of_memory |= out_of_memory(l);
    return c;
}

/* `path` NULL: the texts are in the bundle already. */
static struct config *read_into(struct bundle *b, const char *path, struct diags *d)
{
    struct load l;
    if (begin(&l, b, d) != 0)
        return NULL;
    struct config *c = path != NULL ? read_texts_from_disk(&l, b, path) : read_and_build(&l);
    d->out_of_memory |= out_of_memory(&l);
    if (c != NULL)
        files_visit(c, b, b, d);
    return finish(&l, c);
}

/* `b` may be NULL: out of memory. */
static struct config *read_bundle(struct bundle *b, const char *path, struct bundle **bundle_r,
                                  struct diags *d)
{
    struct config *c = b != NULL ? read_into(b, path, d) : NULL;
    d->out_of_memory |= b == NULL;
    if (c == NULL)
        bundle_free(b);
    *bundle_r = c != NULL ? b : NULL;
    return c;
}

struct config *config_read(const char *path, struct bundle **bundle_r, struct diags *d)
{
    return read_bundle(bundle_new(), path, bundle_r, d);
}

struct config *config_reread(const struct bundle *texts, struct bundle **bundle_r, struct diags *d)
{
    return read_bundle(bundle_texts(texts), NULL, bundle_r, d);
}

/* What the texts say, meaning nothing yet; to be dropped in any case. False: out of memory. */
static bool read_tree(struct load *l, const struct bundle *b, struct diags *ignored)
{
    if (begin(l, b, ignored) != 0)
        return false;
    read_texts(l);
    return !out_of_memory(l);
}

static void drop_tree(struct load *l)
{
    diags_free(l->diags);
    arena_free(&l->work);
    free_arena(l->arena);
}

char *config_canonical(const struct bundle *b)
{
    struct diags ignored = {0};
    struct load l;
    char *text = read_tree(&l, b, &ignored) ? canonical_text(&l.tree) : NULL;
    drop_tree(&l);
    return text;
}

char *config_differences(const struct bundle *before, const struct bundle *after)
{
    struct diags of_b = {0}, of_a = {0};
    struct load b, a;
    const bool was = read_tree(&b, before, &of_b), is = read_tree(&a, after, &of_a);
    char *text = was && is ? differences_text(&b.tree, &a.tree) : NULL;
    drop_tree(&b);
    drop_tree(&a);
    return text;
}

struct wanted_path {
    const char *key;
    const char *(*of)(const struct config *c); /* NULL: FILE does not say */
    const char *preset;
};

static const char *control_of(const struct config *c)
{
    return c->control_at.line > 0 && !c->control_at.mended ? c->control : NULL;
}

static const char *state_of(const struct config *c)
{
    return c->state;
}

/* May this have hidden what is wanted? `said`: it was found somewhere else. A wrong value of
 * another key hides nothing: what is behind it is read. */
static bool is_doubt(const struct diag *f, const struct wanted_path *wanted, bool said)
{
    const bool names = f->key != NULL && strcmp(f->key, wanted->key) == 0;
    const bool other = !names && f->key != NULL && schema_find(SCOPE_GLOBAL, f->key) != NULL;
    return f->severity == DIAG_ERROR && f->left_out && f->kind == NULL && (said ? names : !other);
}

static void tell_doubts(const struct diags *found, const struct wanted_path *wanted, bool said,
                        struct diags *d)
{
    for (size_t i = 0; i < found->count; i++)
        if (is_doubt(&found->items[i], wanted, said))
            diag_copy(d, &found->items[i]);
    d->out_of_memory |= found->out_of_memory;
}

/* What FILE says of one thing, even where the rest is wrong. `doubts` may be NULL. */
static char *path_from(const char *path, const struct wanted_path *wanted, struct diags *doubts)
{
    struct diags found = {0};
    struct load l;
    struct bundle *b = bundle_new();
    char *answer = NULL;

    if (b != NULL && begin(&l, b, &found) == 0) {
        const struct config *c = read_texts_from_disk(&l, b, path);
        const char *text = c != NULL ? wanted->of(c) : NULL;
        if (c == NULL)
            mark_left_out(&l);
        if (doubts != NULL)
            tell_doubts(&found, wanted, text != NULL, doubts);
        if (!found.out_of_memory && (doubts == NULL || diag_ok(doubts, DIAG_ERROR)))
            answer = strdup(text != NULL ? text : wanted->preset);
        arena_free(&l.work);
        free_arena(l.arena);
    }
    bundle_free(b);
    diags_free(&found);
    return answer;
}

char *config_control_path(const char *path, struct diags *doubts)
{
    static const struct wanted_path control = {"control", control_of, CONFIG_DEFAULT_CONTROL};
    return path_from(path, &control, doubts);
}

char *config_state_path(const char *path)
{
    static const struct wanted_path state = {"state", state_of, CONFIG_DEFAULT_STATE};
    return path_from(path, &state, NULL);
}

void config_free(struct config *c)
{
    if (c != NULL)
        free_arena(c->storage);
}
