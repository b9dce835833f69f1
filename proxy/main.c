/* main.c - the command line. */
#include "proxy/base/exits.h"
#include "proxy/base/hint.h"
#include "proxy/base/privileges.h"
#include "proxy/base/streams.h"
#include "proxy/base/version.h"
#include "proxy/console/console.h"
#include "proxy/control/control.h"
#include "proxy/import/import.h"
#include "proxy/key/key.h"
#include "proxy/load/load.h"
#include "proxy/observer/observer.h"
#include "proxy/resolver/resolver.h"
#include "proxy/signer/signer.h"
#include "proxy/supervisor/supervisor.h"
#include "proxy/worker/worker.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

/* What a command takes besides -c and --help. */
enum {
    TAKES_JSON = 1 << 0,
    TAKES_READY = 1 << 1,
    TAKES_WATCH = 1 << 2,
    TAKES_TIMEOUT = 1 << 3,
    TAKES_HASH = 1 << 4,
    TAKEN_OPTIONS = 5
};

enum { WATCH_SECONDS = 2, SECONDS_MAX = 3600 };

struct options {
    const char *file;
    bool file_given;
    unsigned given;   /* of what it takes */
    unsigned seconds; /* between two looks, or to wait */
    const char *word; /* one of the command's; NULL: none was given */
};

struct command {
    const char *name, *usage, *help;
    unsigned takes;
    unsigned seconds; /* unless the line says another number */
    int (*run)(const struct options *o);
    const char *const *words; /* it takes one of these or none, and NULL ends them; NULL: none */
};

/* ---- commands ---- */

static int run(const struct options *o)
{
    return supervisor_run(o->file);
}

static void print(FILE *out, const struct buf *text)
{
    if (text->size > 0)
        fwrite(text->data, 1, text->size, out);
}

/* What `check` prints, where. */
struct report {
    struct buf out, err;
};

static void report_text(const struct options *o, const struct candidate *l, const struct diags *d,
                        struct report *r)
{
    const bool hash = o->given == TAKES_HASH;
    load_print_findings(d, &r->err);
    if (load_good(l->generation, d) && hash)
        load_print_hashes(l->bundle, &r->out);
    else if (load_good(l->generation, d))
        load_print_table(l->generation, &r->out);
    else
        buf_printf(&r->err, "tlsfront: %s: the configuration has errors\n", o->file);
}

static int report_status(const struct report *r, bool good)
{
    if (r->out.failed || r->err.failed) {
        fputs("tlsfront: out of memory\n", stderr);
        return EXIT_RUNTIME;
    }
    print(stderr, &r->err);
    print(stdout, &r->out);
    return good ? 0 : EXIT_CONFIGURATION;
}

static int check(const struct options *o)
{
    struct diags d = {0};
    struct candidate l;
    struct report r;
    struct err e;
    if (tls_init(&e) != 0) {
        fprintf(stderr, "tlsfront: %s\n", e.text);
        return EXIT_RUNTIME;
    }
    buf_init(&r.out, LOAD_TEXT_MAX);
    buf_init(&r.err, LOAD_TEXT_MAX);
    if (load_configuration(o->file, &l, &d))
        load_look_up(&l, &d);
    if (o->given == TAKES_JSON)
        load_print_json(o->file, &l, &d, &r.out);
    else
        report_text(o, &l, &d, &r);
    const int status = report_status(&r, load_good(l.generation, &d));

    candidate_free(&l);
    diags_free(&d);
    buf_free(&r.out);
    buf_free(&r.err);
    return status;
}

/* Nobody knows: another one than is meant would be asked. */
static int which_daemon(const char *file, const struct diags *d)
{
    struct buf text;
    if (d->count == 0) {
        fputs("tlsfront: out of memory\n", stderr);
        return EXIT_RUNTIME;
    }
    buf_init(&text, LOAD_TEXT_MAX);
    load_print_findings(d, &text);
    print(stderr, &text);
    buf_free(&text);
    fprintf(stderr, "tlsfront: %s does not tell which daemon is meant\n", file);
    return EXIT_CONFIGURATION;
}

static int at_daemon(const struct options *o, int (*act)(const char *path, const void *arg),
                     const void *arg)
{
    struct diags d = {0};
    char *path = config_control_path(o->file, o->file_given ? &d : NULL);
    const int status = path != NULL ? act(path, arg) : which_daemon(o->file, &d);
    free(path);
    diags_free(&d);
    return status;
}

struct request {
    const char *line;
    unsigned seconds;
    int unanswered;
};

static int ask_at(const char *path, const void *arg)
{
    const struct request *r = arg;
    return control_ask(path, r->line, r->seconds, r->unanswered);
}

static int ask(const struct options *o, const char *line)
{
    const struct request r = {line, CONTROL_SECONDS, EXIT_RUNTIME};
    return at_daemon(o, ask_at, &r);
}

static int ask_ready(const struct options *o)
{
    const struct request r = {"ready", CONTROL_READY_SECONDS, EXIT_UNAVAILABLE};
    return at_daemon(o, ask_at, &r);
}

static int reload_at(const char *path, const void *seconds)
{
    return control_reload(path, *(const unsigned *)seconds);
}

static int reload(const struct options *o)
{
    return at_daemon(o, reload_at, &o->seconds);
}

static int drain(const struct options *o)
{
    char line[16];
    snprintf(line, sizeof line, "drain%s%s", o->word == NULL ? "" : " ",
             o->word == NULL ? "" : o->word);
    return ask(o, line);
}

static int watch_at(const char *path, const void *seconds)
{
    return console_watch(path, *(const unsigned *)seconds);
}

static int table_at(const char *path, const void *unused)
{
    (void)unused;
    return console_status(path);
}

static int status(const struct options *o)
{
    switch (o->given) {
    case TAKES_READY:
        return ask_ready(o);
    case TAKES_WATCH:
        return at_daemon(o, watch_at, &o->seconds);
    case TAKES_JSON:
        return ask(o, "status json");
    default:
        return console_present() ? at_daemon(o, table_at, NULL) : ask(o, "status");
    }
}

static int upgrade(const struct options *o)
{
    return ask(o, "upgrade");
}

static const char *const drain_words[] = {"on", "off", NULL};

static const struct command commands[] = {
    {"run", "[-c FILE]",
     "Run the daemon in the foreground, logging to standard error unless the configuration says\n"
     "otherwise. Signals: HUP reloads, TERM and INT drain (a second one stops now), QUIT drains\n"
     "without limit, USR1 reopens the log, USR2 writes the status to the log.\n",
     0, 0, run, NULL},
    {"check", "[-c FILE] [--json | --hash]",
     "Look at everything that a reload would look at, print what is wrong with file, line, cause\n"
     "and cure, and the routing table as it was understood. FILE may be - for standard input.\n"
     "--hash: instead of the table, the hashes that `tlsfront status` shows after the reload.\n",
     TAKES_JSON | TAKES_HASH, 0, check, NULL},
    {"reload", "[-c FILE] [--timeout SECONDS]",
     "Have the running daemon read its configuration again. Waits, and prints what changed or why\n"
     "nothing did. FILE tells only where the daemon's control socket is. --timeout: wait for so\n"
     "long instead of a minute; then say what the reload waits for. It goes on all the same.\n",
     TAKES_TIMEOUT, CONTROL_SECONDS, reload, NULL},
    {"upgrade", "[-c FILE]",
     "Have the running daemon re-execute itself from the binary now on disk, with the\n"
     "configuration now on disk, without losing a connection. Waits, and prints which version has\n"
     "taken over, or why none did: then the old one goes on. FILE tells only where the daemon's\n"
     "control socket is.\n",
     0, 0, upgrade, NULL},
    {"drain", "[on | off] [-c FILE]",
     "Have balancers look elsewhere: the running daemon is not ready any more, but goes on "
     "serving\n"
     "all who come. off takes it back, and so does a second drain without a word; on and off may\n"
     "be said again, as scripts do. A restart is ready again.\n",
     0, 0, drain, drain_words},
    {"status", "[-c FILE] [--json | --ready | --watch[=SECONDS]]",
     "Print the running daemon's routes, certificates, connections and workers: as a table on a\n"
     "terminal, else as plain lines. --watch: again every 2 seconds, or as many as it says.\n"
     "--ready: exit status 0 if it is ready for newcomers, 1 if not, 69 if no daemon answers.\n",
     TAKES_JSON | TAKES_READY | TAKES_WATCH, WATCH_SECONDS, status, NULL},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- the line ---- */

static void print_help(FILE *out)
{
    fputs("tlsfront - TLS front for servers that cannot speak it\n\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  tlsfront %s %s\n", commands[i].name, commands[i].usage);
    fputs("  tlsfront import PEER FILE...\n"
          "  tlsfront key COMMAND ...\n"
          "  tlsfront COMMAND --help\n  tlsfront --version\n  tlsfront --help\n\n"
          "FILE is " CONFIG_DEFAULT_FILE " unless -c names another.\n" EXITS_HELP
          "Of `status --ready` also 69: no daemon answers.\n"
          "Manual: tlsfront(8), tlsfront-key(1), tlsfront.conf(5).\n",
          out);
}

static int print_version(void)
{
    printf("tlsfront %s\n%s\nlibuv %s\n", version_text, tls_version_text(), uv_version_string());
    return 0;
}

static int wrong_usage(const struct command *c)
{
    if (c != NULL)
        fprintf(stderr, "usage: tlsfront %s %s\n", c->name, c->usage);
    else
        print_help(stderr);
    return EXIT_USAGE;
}

/* The options, each of which is a bit of `takes` by its place. */
static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},        {"ready", no_argument, NULL, 'r'},
    {"watch", optional_argument, NULL, 'w'}, {"timeout", required_argument, NULL, 't'},
    {"hash", no_argument, NULL, 's'},        {"config", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},        {.name = NULL},
};

/* False, and said: it is no number of seconds. */
static bool take_seconds(struct options *o, const char *option, const char *text)
{
    char *end;
    const long seconds = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || seconds < 1 || seconds > SECONDS_MAX) {
        fprintf(stderr, "tlsfront: --%s \"%s\" is no number from 1 to %d\n", option, text,
                SECONDS_MAX);
        return false;
    }
    o->seconds = (unsigned)seconds;
    return true;
}

/* False, and said: it cannot be had. */
static bool take_option(const struct command *c, int index, struct options *o)
{
    const unsigned bit = 1U << index;
    if ((c->takes & bit) == 0)
        fprintf(stderr, "tlsfront: %s knows no --%s\n", c->name, long_options[index].name);
    else if ((o->given & ~bit) != 0)
        fprintf(stderr, "tlsfront: --%s cannot be had together with the option before it\n",
                long_options[index].name);
    else
        o->given = bit;
    return o->given == bit;
}

/* getopt has said that there is no such option. */
static void suggest_option(const struct command *c, const char *given)
{
    if (strncmp(given, "--", 2) != 0)
        return;
    struct hint h = hint_begin(given + 2);
    for (size_t i = 0; long_options[i].name != NULL; i++)
        if (i >= TAKEN_OPTIONS || (c->takes & 1U << i) != 0)
            hint_offer(&h, long_options[i].name);
    hint_say(&h, "--");
}

static bool take_word(const struct command *c, const char *text, struct options *o)
{
    for (size_t i = 0; c->words != NULL && c->words[i] != NULL; i++)
        if (strcmp(c->words[i], text) == 0)
            o->word = c->words[i];
    return o->word != NULL;
}

static void refuse_word(const struct command *c, const char *text, const struct options *o)
{
    if (c->words == NULL || o->word != NULL) {
        fprintf(stderr, "tlsfront: \"%s\" is one argument too many\n", text);
        return;
    }
    struct hint h = hint_begin(text);
    for (size_t i = 0; c->words[i] != NULL; i++)
        hint_offer(&h, c->words[i]);
    fprintf(stderr, "tlsfront: %s knows no \"%s\"\n", c->name, text);
    hint_say(&h, "");
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct options o = {.file = CONFIG_DEFAULT_FILE, .seconds = c->seconds};
    int index = 0;
    for (int opt; (opt = getopt_long(argc, argv, "c:h", long_options, &index)) != -1;) {
        switch (opt) {
        case 'c':
            o.file = optarg;
            o.file_given = true;
            break;
        case 'h':
            printf("usage: tlsfront %s %s\n\n%s", c->name, c->usage, c->help);
            return 0;
        case '?':
            suggest_option(c, argv[optind - 1]);
            return wrong_usage(c);
        default:
            if (!take_option(c, index, &o) ||
                (optarg != NULL && !take_seconds(&o, long_options[index].name, optarg)))
                return wrong_usage(c);
        }
    }
    if (optind < argc && take_word(c, argv[optind], &o))
        optind++;
    if (optind == argc)
        return c->run(&o);
    refuse_word(c, argv[optind], &o);
    return wrong_usage(c);
}

static void suggest_command(const char *name)
{
    struct hint h = hint_begin(name);
    for (size_t i = 0; i < COMMANDS; i++)
        hint_offer(&h, commands[i].name);
    hint_offer(&h, "import");
    hint_offer(&h, "key");
    fprintf(stderr, "tlsfront: there is no command \"%s\"\n", name);
    hint_say(&h, "tlsfront ");
    fputs("\n", stderr);
}

/* How an upgrade executes a binary: run --state=N -c FILE. */
static bool takes_over(int argc, char **argv)
{
    return argc == 5 && strcmp(argv[1], "run") == 0 &&
           (strncmp(argv[2], "--state=", 8) == 0 || strncmp(argv[2], "--back=", 7) == 0);
}

static int take_over(char **argv)
{
    const bool back = strncmp(argv[2], "--back=", 7) == 0;
    return supervisor_take_over(argv[4], (int)strtol(strchr(argv[2], '=') + 1, NULL, 10), back);
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return print_version();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(name, "key") == 0)
        return key_main(argc - 1, argv + 1);
    if (strcmp(name, "import") == 0)
        return import_main(argc - 1, argv + 1);
    if (strcmp(name, "worker") == 0 && argc == 3) /* how the supervisor starts its own */
        return worker_run((unsigned)strtoul(argv[2], NULL, 10));
    if (strcmp(name, "signer") == 0 && argc == 3)
        return signer_run((unsigned)strtoul(argv[2], NULL, 10));
    if (strcmp(name, "resolver") == 0 && argc == 3)
        return resolver_run();
    if (strcmp(name, "observer") == 0 && argc == 3)
        return observer_run();
    if (takes_over(argc, argv))
        return take_over(argv);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    if (*name == '\0')
        fputs("tlsfront: COMMAND is missing\n\n", stderr);
    else
        suggest_command(name);
    return wrong_usage(NULL);
}

/* A umask that takes rights from the owner too makes files that even he cannot open. */
static void keep_owners_rights(void)
{
    umask(umask(0077) & 0077);
}

/* `check` and `key` read private keys as well. */
int main(int argc, char **argv)
{
    keep_owners_rights();
    privileges_hide_memory();
    if (takes_over(argc, argv)) /* from one image to the next no signal is lost */
        streams_begin_blocked();
    else
        streams_begin();
    return streams_end(dispatch(argc, argv));
}
