/* settings.c - keys whose value is a number, a word, a text or a path. */
#include "config/settings.h"
#include "config/suggest.h"
#include "config/values.h"

#include <string.h>

static void *field(void *target, const struct key *key)
{
    return (char *)target + key->offset;
}

static void complain(struct build *b, const struct key *key, const struct value *v,
                     const struct flaw *flaw)
{
    build_complain(b, DIAG_ERROR, &v->at, flaw->cure, "%s \"%s\" %s", key->name, v->text,
                   flaw->cause);
}

/* ---- numbers and words ---- */

void setting_duration(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    unsigned *ms = field(target, key);
    struct flaw flaw;
    if (value_duration(s->values->text, ms, &flaw) != 0 ||
        value_duration_least(*ms, key->least, &flaw) != 0)
        complain(b, key, s->values, &flaw);
}

void setting_number(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct flaw flaw;
    if (value_number(s->values->text, key->max, field(target, key), &flaw) != 0)
        complain(b, key, s->values, &flaw);
}

void setting_rate(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct flaw flaw;
    if (value_rate(s->values->text, field(target, key), &flaw) != 0)
        complain(b, key, s->values, &flaw);
}

void setting_switch(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct flaw flaw;
    if (value_switch(s->values->text, field(target, key), &flaw) != 0)
        complain(b, key, s->values, &flaw);
}

static void complain_choice(struct build *b, const struct key *key, const struct value *v)
{
    struct suggest words = suggest_begin(b->work, v->text);
    for (const struct choice *c = key->choices; c->name != NULL; c++)
        suggest_offer(&words, c->name);
    build_complain(b, DIAG_ERROR, &v->at, suggest_text(&words, "write one of"),
                   "%s \"%s\" is not known", key->name, v->text);
}

/* NULL, and a finding, when the word is none of them. */
static const struct choice *choose(struct build *b, const struct key *key, const struct value *v)
{
    for (const struct choice *c = key->choices; c->name != NULL; c++)
        if (strcmp(c->name, v->text) == 0)
            return c;
    complain_choice(b, key, v);
    return NULL;
}

void setting_choice(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    const struct choice *c = choose(b, key, s->values);
    if (c != NULL)
        memcpy(field(target, key), &c->value, sizeof c->value);
}

void setting_flag(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    const struct choice *c = choose(b, key, s->values);
    if (c != NULL)
        *(bool *)field(target, key) = c->value != 0;
}

void setting_protocol(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct route_config *r = target;
    if (protocol_by_name(s->values->text, &r->protocol))
        return;
    struct suggest words = suggest_begin(b->work, s->values->text);
    for (int i = 0; i < PROTOCOLS; i++)
        suggest_offer(&words, protocol_facts((enum protocol)i)->name);
    build_complain(b, DIAG_ERROR, &s->at, suggest_text(&words, "write one of"),
                   "%s \"%s\" is not known", key->name, s->values->text);
}

void setting_workers(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct config *c = target;
    const struct value *v = s->values;
    struct flaw flaw;
    if (strcmp(v->text, "auto") == 0) {
        c->workers = 0;
        return;
    }
    if (value_number(v->text, key->max, &c->workers, &flaw) == 0 && c->workers > 0)
        return;
    build_complain(b, DIAG_ERROR, &v->at, "write auto for one per processor, or a number",
                   "%s \"%s\" is neither auto nor a number from 1 to %u", key->name, v->text,
                   key->max);
}

/* ---- texts ---- */

static bool present(struct build *b, const struct key *key, const struct value *v)
{
    if (v->text[0] != '\0')
        return true;
    build_complain(b, DIAG_ERROR, &v->at, "write a value, or remove the key", "%s is empty",
                   key->name);
    return false;
}

void setting_text(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    if (present(b, key, s->values))
        *(const char **)field(target, key) = arena_copy(b->arena, s->values->text);
}

void setting_hostname(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct flaw flaw;
    if (value_hostname(s->values->text, &flaw) != 0)
        complain(b, key, s->values, &flaw);
    else
        *(const char **)field(target, key) = arena_copy(b->arena, s->values->text);
}

void setting_texts(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct string_list *list = field(target, key);
    size_t count = 0;
    for (const struct value *v = s->values; v != NULL; v = v->next)
        count++;
    list->items = arena_array(b->arena, count, sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next)
        if (present(b, key, v))
            list->items[list->count++] = arena_copy(b->arena, v->text);
}

/* ---- paths ---- */

/* Relative paths start at the directory of the file that they are written in. */
static const char *resolve(struct build *b, const struct value *v)
{
    const char *slash = v->at.file != NULL ? strrchr(v->at.file, '/') : NULL;
    if (v->text[0] == '/' || slash == NULL)
        return arena_copy(b->arena, v->text);
    return arena_format(b->arena, "%.*s/%s", (int)(slash - v->at.file), v->at.file, v->text);
}

/* One that the system can take; NULL, and a finding, when it is none. */
static const char *take_path(struct build *b, const struct key *key, const struct value *v)
{
    const char *path = present(b, key, v) ? resolve(b, v) : NULL;
    if (path == NULL || strlen(path) <= BUNDLE_PATH_MAX)
        return path;
    build_complain(b, DIAG_ERROR, &v->at, "choose a shorter path",
                   "%s is a path of %zu bytes, %d are possible", key->name, strlen(path),
                   BUNDLE_PATH_MAX);
    return NULL;
}

void setting_path(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    const char *path = take_path(b, key, s->values);
    if (path != NULL)
        *(const char **)field(target, key) = path;
}

void setting_socket_path(struct build *b, const struct key *key, void *target,
                         const struct setting *s)
{
    const char *taken = take_path(b, key, s->values);
    char *path = taken != NULL ? arena_copy(b->arena, taken) : NULL;
    if (path != NULL)
        *(const char **)field(target, key) = value_plain_path(path);
    if (path != NULL && value_names_directory(path))
        build_complain(b, DIAG_ERROR, &s->at, "name a socket in it", "%s \"%s\" names a directory",
                       key->name, path);
    else if (path != NULL && strlen(path) > value_unix_path_max())
        build_complain(b, DIAG_ERROR, &s->at, "choose a shorter path, of at most 107 bytes",
                       "%s \"%s\" is too long for a Unix socket", key->name, path);
}

void setting_file(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct file_ref *file = field(target, key);
    file->at = s->at;
    file->path = take_path(b, key, s->values);
}

void setting_files(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct file_list *list = field(target, key);
    size_t count = 0;
    for (const struct value *v = s->values; v != NULL; v = v->next)
        count++;
    list->items = arena_array(b->arena, count, sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next) {
        const char *path = take_path(b, key, v);
        if (path != NULL)
            list->items[list->count++] = (struct file_ref){path, v->at};
    }
}

void setting_log(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct config *c = target;
    const char *text = s->values->text;

    c->log_target = LOG_TARGET_STDERR;
    if (strcmp(text, "stderr") == 0)
        return;
    c->log_target = strcmp(text, "syslog") == 0 ? LOG_TARGET_SYSLOG : LOG_TARGET_FILE;
    if (c->log_target == LOG_TARGET_SYSLOG)
        return;
    if (strchr(text, '/') == NULL) {
        c->log_target = LOG_TARGET_STDERR;
        build_complain(b, DIAG_ERROR, &s->at, "write stderr, syslog or the path of a file",
                       "%s \"%s\" is not known", key->name, text);
        return;
    }
    c->log_file = (struct file_ref){take_path(b, key, s->values), s->at};
    if (c->log_file.path != NULL && value_names_directory(c->log_file.path)) {
        build_complain(b, DIAG_ERROR, &s->at, "name a file in it", "%s \"%s\" is a directory",
                       key->name, c->log_file.path);
        c->log_file.path = NULL;
    }
    if (c->log_file.path == NULL)
        c->log_target = LOG_TARGET_STDERR;
}
