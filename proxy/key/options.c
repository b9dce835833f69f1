#include "proxy/key/options.h"
#include "proxy/base/hint.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { DAYS_MAX = 3650 };

enum {
    OPT_FIRST = 256,
    OPT_HOST,
    OPT_ROUTE,
    OPT_TYPE,
    OPT_SUBJECT,
    OPT_REPLACE,
    OPT_SAME_KEY,
    OPT_DAYS,
    OPT_COMMIT,
    OPT_CA,
    OPT_FORCE,
    OPT_KEEP_ROOT,
    OPT_ROLLBACK,
    OPT_KEY,
    OPT_PASSPHRASE,
    OPT_REQUEST,
    OPT_ENCRYPT,
    OPT_KEEP,
    OPT_TLSA,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"host", required_argument, NULL, OPT_HOST},
    {"route", required_argument, NULL, OPT_ROUTE},
    {"type", required_argument, NULL, OPT_TYPE},
    {"subject", required_argument, NULL, OPT_SUBJECT},
    {"replace", no_argument, NULL, OPT_REPLACE},
    {"same-key", no_argument, NULL, OPT_SAME_KEY},
    {"days", required_argument, NULL, OPT_DAYS},
    {"commit", no_argument, NULL, OPT_COMMIT},
    {"ca", required_argument, NULL, OPT_CA},
    {"force", no_argument, NULL, OPT_FORCE},
    {"keep-root", no_argument, NULL, OPT_KEEP_ROOT},
    {"rollback", no_argument, NULL, OPT_ROLLBACK},
    {"key", required_argument, NULL, OPT_KEY},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE},
    {"request", no_argument, NULL, OPT_REQUEST},
    {"encrypt", no_argument, NULL, OPT_ENCRYPT},
    {"keep", required_argument, NULL, OPT_KEEP},
    {"tlsa", no_argument, NULL, OPT_TLSA},
    {NULL, 0, NULL, 0},
};

/* Which commands know an option. */
static const unsigned taken_by[] = {
    [OPT_HOST - OPT_FIRST] = KEY_TAKES_NAMES | KEY_TAKES_JUDGE,
    [OPT_ROUTE - OPT_FIRST] = KEY_TAKES_NAMES,
    [OPT_TYPE - OPT_FIRST] = KEY_TAKES_NAMES,
    [OPT_SUBJECT - OPT_FIRST] = KEY_TAKES_NAMES,
    [OPT_REPLACE - OPT_FIRST] = KEY_TAKES_REPLACE,
    [OPT_SAME_KEY - OPT_FIRST] = KEY_TAKES_SAME_KEY,
    [OPT_DAYS - OPT_FIRST] = KEY_TAKES_DAYS,
    [OPT_COMMIT - OPT_FIRST] = KEY_TAKES_COMMIT,
    [OPT_CA - OPT_FIRST] = KEY_TAKES_JUDGE,
    [OPT_FORCE - OPT_FIRST] = KEY_TAKES_JUDGE,
    [OPT_KEEP_ROOT - OPT_FIRST] = KEY_TAKES_JUDGE,
    [OPT_ROLLBACK - OPT_FIRST] = KEY_TAKES_ROLLBACK,
    [OPT_KEY - OPT_FIRST] = KEY_TAKES_KEY,
    [OPT_PASSPHRASE - OPT_FIRST] = KEY_TAKES_PASSPHRASE,
    [OPT_ENCRYPT - OPT_FIRST] = KEY_TAKES_ENCRYPT,
    [OPT_REQUEST - OPT_FIRST] = KEY_TAKES_REQUEST,
    [OPT_KEEP - OPT_FIRST] = KEY_TAKES_KEEP,
    [OPT_TLSA - OPT_FIRST] = KEY_TAKES_TLSA,
};

static bool take_days(struct key_options *o, const char *text, struct err *e)
{
    char *end;
    long days = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || days < 1 || days > DAYS_MAX) {
        err_set(e, "--days \"%s\" is no number from 1 to %d", text, DAYS_MAX);
        return false;
    }
    o->days = (unsigned)days;
    return true;
}

static bool take_host(struct key_options *o, const char *text, struct err *e)
{
    if (o->host_count == KEY_HOSTS_MAX) {
        err_set(e, "--host can be given %d times at most", KEY_HOSTS_MAX);
        return false;
    }
    o->hosts[o->host_count++] = text;
    return true;
}

/* False: it cannot be taken. */
static bool take_option(struct key_options *o, int opt, const char *text, struct err *e)
{
    const struct {
        int opt;
        const char **text;
        bool *flag;
    } plain[] = {
        {'c', &o->file, &o->file_given},
        {'j', NULL, &o->json},
        {OPT_ROUTE, &o->route, NULL},
        {OPT_TYPE, &o->type, NULL},
        {OPT_SUBJECT, &o->subject, NULL},
        {OPT_REPLACE, NULL, &o->replace},
        {OPT_SAME_KEY, NULL, &o->same_key},
        {OPT_COMMIT, NULL, &o->commit},
        {OPT_CA, &o->ca, NULL},
        {OPT_FORCE, NULL, &o->force},
        {OPT_KEEP_ROOT, NULL, &o->keep_root},
        {OPT_ROLLBACK, NULL, &o->rollback},
        {OPT_KEY, &o->key_file, NULL},
        {OPT_PASSPHRASE, &o->passphrase_file, NULL},
        {OPT_REQUEST, NULL, &o->request},
        {OPT_ENCRYPT, NULL, &o->encrypt},
        {OPT_KEEP, &o->keep, NULL},
        {OPT_TLSA, NULL, &o->tlsa},
    };
    if (opt == OPT_HOST)
        return take_host(o, text, e);
    if (opt == OPT_DAYS)
        return take_days(o, text, e);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (plain[i].opt != opt)
            continue;
        if (plain[i].text != NULL)
            *plain[i].text = text;
        if (plain[i].flag != NULL)
            *plain[i].flag = true;
        return true;
    }
    return false;
}

/* False: there are too many. */
static bool place_arguments(const struct key_shape *c, struct key_options *o, int count,
                            char **arguments, struct err *e)
{
    for (int i = 0; i < count; i++) {
        if (c->names == 1 && o->name == NULL)
            o->name = arguments[i];
        else if (o->file_count < c->files_max)
            o->files[o->file_count++] = arguments[i];
        else {
            err_set(e, "\"%s\" is one argument too many", arguments[i]);
            return false;
        }
    }
    return true;
}

/* What is missing or too much; NULL: nothing. */
static const char *flaw_of(const struct key_shape *c, const struct key_options *o)
{
    if (c->names == 1 && o->name == NULL)
        return "NAME is missing";
    if (o->rollback && o->file_count > 0)
        return "--rollback takes no FILE";
    if (o->file_count < c->files_min ||
        ((c->takes & KEY_TAKES_ROLLBACK) != 0 && !o->rollback && o->file_count == 0))
        return "FILE is missing";
    return NULL;
}

static bool take_arguments(const struct key_shape *c, struct key_options *o, int count,
                           char **arguments, struct err *e)
{
    if (!place_arguments(c, o, count, arguments, e))
        return false;
    const char *flaw = flaw_of(c, o);
    if (flaw != NULL)
        err_set(e, "%s", flaw);
    return flaw == NULL;
}

static const char *name_of(int opt)
{
    const struct option *one = long_options;
    while (one->val != opt)
        one++;
    return one->name;
}

static bool takes(const struct key_shape *shape, int opt)
{
    return opt <= OPT_FIRST || (shape->takes & taken_by[opt - OPT_FIRST]) != 0;
}

static bool knows(const struct key_shape *shape, int opt, const char *command, struct err *e)
{
    if (takes(shape, opt))
        return true;
    err_set(e, "key %s knows no --%s", command, name_of(opt));
    return false;
}

/* getopt has said that there is no such option. */
static void suggest(const struct key_shape *shape, const char *given)
{
    if (strncmp(given, "--", 2) != 0)
        return;
    struct hint h = hint_begin(given + 2);
    for (const struct option *one = long_options; one->name != NULL; one++)
        if (takes(shape, one->val))
            hint_offer(&h, one->name);
    hint_say(&h, "--");
}

enum key_line key_options_parse(const struct key_shape *shape, int argc, char **argv,
                                struct key_options *o, struct err *e)
{
    *o = (struct key_options){.file = CONFIG_DEFAULT_FILE};
    e->text[0] = '\0';
    for (int opt; (opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1;) {
        if (opt == 'h')
            return KEY_LINE_HELP;
        if (opt == '?')
            suggest(shape, argv[optind - 1]);
        if (!knows(shape, opt, argv[0], e) || !take_option(o, opt, optarg, e))
            return KEY_LINE_WRONG;
    }
    return take_arguments(shape, o, argc - optind, argv + optind, e) ? KEY_LINE_GOOD
                                                                     : KEY_LINE_WRONG;
}
