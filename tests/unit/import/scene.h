/* scene.h - a plan for the tests. */
#ifndef TLSFRONT_TESTS_IMPORT_SCENE_H
#define TLSFRONT_TESTS_IMPORT_SCENE_H

#include "tests/support/unit.h"

#include "proxy/import/plan.h"

struct scene {
    struct arena arena;
    struct diags diags;
    struct statement *file, *files[1];
    struct plan plan;
};

static inline void scene_begin(struct scene *s)
{
    *s = (struct scene){.plan = {.peer = "test", .cwd = "/etc"}};
    s->plan.arena = &s->arena;
    s->plan.diags = &s->diags;
    s->file = s->files[0] = statement_file(&s->arena, "f");
    s->plan.files = s->files;
    s->plan.file_count = 1;
    entries_put(&s->arena, &s->plan.globals, "user", "nobody", NULL);
}

static inline void scene_end(struct scene *s)
{
    diags_free(&s->diags);
    arena_free(&s->arena);
}

/* A line of the peer's file. */
static inline struct statement *scene_line(struct scene *s, int line)
{
    struct statement *one = statement_new(&s->arena, s->file, line);
    statement_word(&s->arena, one, "line", 4);
    one->text = "line";
    return one;
}

/* A route that lacks nothing, in a section of its own. */
static inline struct plan_route *scene_route(struct scene *s, const char *name, const char *listen,
                                             int line)
{
    struct statement *section = scene_line(s, line);
    struct plan_route *r = plan_route(&s->plan, name, section, NULL);
    route_put(&s->plan, r, "listen", listen, section);
    route_put(&s->plan, r, "upstream", "127.0.0.1:110", section);
    route_put(&s->plan, r, "certificate", plan_certificate(&s->plan, "/a.pem", NULL, NULL),
              section);
    plan_add(&s->plan, r);
    return r;
}

static inline const char *scene_values(const struct plan_route *r, const char *key)
{
    static char text[512];
    const struct entry *e = entries_find(&r->settings, key);
    text[0] = '\0';
    for (size_t i = 0; e != NULL && i < e->count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, e->values[i].text);
    }
    return text;
}

#endif
