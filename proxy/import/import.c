/* import.c - the command: files in, our configuration out. */
#include "proxy/import/import.h"
#include "proxy/base/buf.h"
#include "proxy/base/exits.h"
#include "proxy/base/hint.h"
#include "proxy/base/streams.h"
#include "proxy/console/progress.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INCLUDES_DEEP_MAX = 8, INCLUDES_MAX = 1000 };
#define TEXT_MAX ((size_t)64 << 20)

static const struct peer *const peers[] = {&peer_stunnel, &peer_hitch, &peer_nginx, &peer_haproxy};
enum { PEERS = sizeof peers / sizeof *peers };

/* ---- reading ---- */

struct reading {
    struct plan *plan;
    const struct peer *peer;
    unsigned deep, files;
};

static struct statement *read_file(struct reading *r, const char *path, const struct origin *at);

static bool include(struct reading *r, struct statement *s, const struct paths *paths)
{
    const struct origin at = {.file = s->file, .line = s->line};
    struct statement *all = statement_file(r->plan->arena, s->file);
    if (r->deep >= INCLUDES_DEEP_MAX || r->files + paths->count > INCLUDES_MAX) {
        diag_add(r->plan->diags, DIAG_ERROR, &at, "look for a file that includes itself",
                 "includes go more than %d files deep, or name more than %d", INCLUDES_DEEP_MAX,
                 INCLUDES_MAX);
        return false;
    }
    for (size_t i = 0; i < paths->count; i++) {
        struct statement *file = read_file(r, paths->items[i], &at);
        if (file == NULL)
            return false;
        if (file->first == NULL)
            continue;
        if (all->last == NULL)
            all->first = file->first;
        else
            all->last->next = file->first;
        all->last = file->last;
    }
    statement_replace(s, all);
    return true;
}

static bool include_all(struct reading *r, struct statement *block)
{
    struct statement *next;
    for (struct statement *s = block->first; s != NULL; s = next) {
        struct paths paths = {0};
        next = s->next;
        if (r->peer->include(r->plan, s, &paths)) {
            if (!include(r, s, &paths))
                return false;
        } else if (s->first != NULL && !include_all(r, s)) {
            return false;
        }
    }
    return true;
}

/* NULL: not understood, and said. */
static struct statement *read_file(struct reading *r, const char *path, const struct origin *at)
{
    struct plan *p = r->plan;
    size_t size;
    const char *text = files_read(p->arena, path, at, &size, p->diags);
    if (text == NULL)
        return NULL;
    struct statement *file = statement_file(p->arena, pool_text(p->arena, path, strlen(path)));
    r->files++;
    if (!r->peer->syntax(p->arena, text, size, file, p->diags))
        return NULL;
    r->deep++;
    const bool good = r->peer->include == NULL || include_all(r, file);
    r->deep--;
    return good ? file : NULL;
}

static void set_base(struct plan *p, const struct peer *peer, const char *path)
{
    p->cwd = peer->from_file && strcmp(path, "-") != 0 ? files_directory(p->arena, path)
                                                       : files_here(p->arena);
}

static bool read_all(struct plan *p, const struct peer *peer, char **paths, size_t count)
{
    bool good = true;
    p->files = pool_alloc(p->arena, count * sizeof *p->files);
    for (size_t i = 0; i < count; i++) {
        struct reading r = {.plan = p, .peer = peer};
        set_base(p, peer, paths[i]);
        struct statement *file = read_file(&r, paths[i], NULL);
        if (file != NULL)
            p->files[p->file_count++] = file;
        good = good && file != NULL;
    }
    return good;
}

/* ---- the command ---- */

static void print_findings(const struct diags *d)
{
    char text[2 * DIAG_TEXT_MAX + 512];
    for (size_t i = 0; i < d->count; i++) {
        diag_format(&d->items[i], text, sizeof text);
        fputs(text, stderr);
    }
}

static int print_plan(struct plan *p)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    write_plan(p, &out);
    progress_end();
    if (out.failed) {
        fputs("tlsfront: out of memory\n", stderr);
        buf_free(&out);
        return EXIT_RUNTIME;
    }
    fwrite(out.data, 1, out.size, stdout);
    streams_flush();
    buf_free(&out);
    if (plan_lost(p))
        fputs("tlsfront: not everything was carried over: the comments say what was not, and why\n",
              stderr);
    if (!plan_serves(p))
        fputs("tlsfront: no route came of it\n", stderr);
    return plan_lost(p) || !plan_serves(p) ? EXIT_RUNTIME : 0;
}

/* Unless somebody types it: then nothing of what takes long is ours. */
static void begin_progress(const struct peer *peer, char **paths, size_t count)
{
    char what[64];
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i], "-") == 0 && isatty(STDIN_FILENO))
            return;
    snprintf(what, sizeof what, "importing the configuration of %s", peer->name);
    progress_begin(what);
}

static int import(const struct peer *peer, char **paths, size_t count)
{
    struct arena arena = {0};
    struct diags d = {0};
    struct plan p = {.arena = &arena, .diags = &d, .peer = peer->name};
    int status = EXIT_CONFIGURATION;
    begin_progress(peer, paths, count);
    if (read_all(&p, peer, paths, count)) {
        for (size_t i = 0; i < p.file_count; i++) {
            set_base(&p, peer, paths[i]);
            peer->carry(&p, p.files[i]);
        }
        plan_finish(&p);
        status = print_plan(&p);
    }
    progress_end();
    print_findings(&d);
    diags_free(&d);
    arena_free(&arena);
    return status;
}

static void print_usage(FILE *out)
{
    fputs("usage: tlsfront import ", out);
    for (size_t i = 0; i < PEERS; i++)
        fprintf(out, "%s%s", i > 0 ? "|" : "", peers[i]->name);
    fputs(" FILE...\n", out);
}

static void print_help(void)
{
    print_usage(stdout);
    fputs("\nPrint the configuration of another TLS front as one of tlsfront, with a comment for "
          "each\n"
          "line that was not carried over, and why. Includes are followed, and relative paths "
          "begin,\n"
          "as they do there. FILE may be - for standard input. Then: tlsfront check -c FILE.\n"
          "Exit status: 0 everything was carried over, 1 something was not, or it failed, 2 wrong\n"
          "usage, 78 a file cannot be read or understood.\n"
          "Manual: tlsfront(8), and moving.md in /usr/share/doc/tlsfront/docs.\n",
          stdout);
}

static const struct peer *find_peer(const char *name)
{
    struct hint h = hint_begin(name);
    for (size_t i = 0; i < PEERS; i++) {
        if (strcmp(peers[i]->name, name) == 0)
            return peers[i];
        hint_offer(&h, peers[i]->name);
    }
    fprintf(stderr, "tlsfront: nothing can be imported from \"%s\"\n", name);
    hint_say(&h, "tlsfront import ");
    return NULL;
}

static int wrong_usage(const char *why)
{
    if (why != NULL)
        fprintf(stderr, "tlsfront: %s\n", why);
    print_usage(stderr);
    return EXIT_USAGE;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

int import_main(int argc, char **argv)
{
    int first = 1;
    for (; first < argc && is_option(argv[first]); first++) {
        if (strcmp(argv[first], "--") == 0) {
            first++;
            break;
        }
        if (strcmp(argv[first], "--help") != 0 && strcmp(argv[first], "-h") != 0)
            return wrong_usage("import takes no options but --help");
        print_help();
        return 0;
    }
    for (int i = first; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        }
        if (is_option(argv[i]))
            return wrong_usage("import takes no options but --help; a file may be ./-NAME");
    }
    if (first >= argc)
        return wrong_usage("whose configuration is it?");
    const struct peer *peer = find_peer(argv[first]);
    if (peer == NULL)
        return wrong_usage(NULL);
    if (first + 1 >= argc)
        return wrong_usage("FILE is missing");
    return import(peer, argv + first + 1, (size_t)(argc - first - 1));
}
