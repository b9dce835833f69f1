/* run.c - what all commands of `tlsfront key` begin and end with. */
#include "proxy/base/json.h"
#include "proxy/base/streams.h"
#include "proxy/key/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OUT_MAX = 16 << 20 };

/* ---- what commands say ---- */

static void add_error(struct key_job *j, const char *cure, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void add_error(struct key_job *j, const char *cure, const char *format, va_list args)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, args);
    diag_add(&j->findings, DIAG_ERROR, NULL, cure, "%s", text);
}

int key_fail(struct key_job *j, const char *cure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(j, cure, format, args);
    va_end(args);
    return EXIT_RUNTIME;
}

int key_fail_usage(struct key_job *j, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(j, "tlsfront key COMMAND --help", format, args);
    va_end(args);
    return EXIT_USAGE;
}

void key_note(struct key_job *j, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(&j->notes, "%s\n", text);
}

void key_say(struct key_job *j, const char *word, const char *text)
{
    if (j->o->json)
        json_string(&j->out, word, text);
    else
        buf_printf(&j->out, "%-12s %s\n", word, text);
}

/* ---- the end ---- */

static void json_findings(struct key_job *j)
{
    static const char *const words[] = {"warning", "error", "error"};
    json_array(&j->out, "findings");
    for (size_t i = 0; i < j->findings.count; i++) {
        const struct diag *d = &j->findings.items[i];
        json_object(&j->out, NULL);
        json_string(&j->out, "severity", words[d->severity]);
        json_string(&j->out, "text", d->cause);
        json_string(&j->out, "cure", d->cure);
        json_object_end(&j->out);
    }
    json_array_end(&j->out);
}

static void print(FILE *out, const struct buf *text)
{
    if (text->size > 0)
        fwrite(text->data, 1, text->size, out);
}

static int finish(struct key_job *j, int status)
{
    struct buf findings;
    if (j->o->json) {
        json_findings(j);
        json_object_end(&j->out);
        buf_puts(&j->out, "\n");
    }
    buf_init(&findings, OUT_MAX);
    load_print_findings(&j->findings, &findings);
    if (j->out.failed || findings.failed)
        status = EXIT_RUNTIME;
    print(stdout, &j->out);
    streams_flush();
    if (!j->o->json || status != 0)
        print(stderr, &findings);
    if (!j->o->json && status == 0)
        print(stderr, &j->notes);
    buf_free(&findings);
    return status;
}

/* ---- the beginning ---- */

/* Before there is a configuration, a key can be made for one. */
static bool may_do_without(const struct key_options *o)
{
    return !o->file_given && access(o->file, F_OK) != 0 && errno == ENOENT;
}

/* Files may be missing: the key manager is about to make them. What is left out of the text may be
 * where keys go, or who uses them. */
static bool take_errors(struct key_job *j, const struct diags *d, bool understood)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *f = &d->items[i];
        if (!understood || (f->left_out && f->severity == DIAG_ERROR))
            diag_copy(&j->findings, f);
    }
    j->findings.out_of_memory |= d->out_of_memory;
    return understood && diag_ok(&j->findings, DIAG_ERROR);
}

static int read_configuration(struct key_job *j)
{
    struct diags d = {0};
    j->state = CONFIG_DEFAULT_STATE;
    j->control = CONFIG_DEFAULT_CONTROL;
    if (may_do_without(j->o)) {
        key_note(j, "there is no %s yet: keys go to %s", j->o->file, j->state);
        return 0;
    }
    const bool understood = load_configuration(j->o->file, &j->candidate, &d);
    const bool good = take_errors(j, &d, understood);
    diags_free(&d);
    if (!good)
        return EXIT_CONFIGURATION;
    j->config = j->candidate.generation->config;
    j->state = j->config->state != NULL ? j->config->state : j->state;
    j->control = j->config->control != NULL ? j->config->control : j->control;
    return 0;
}

static int open_store(struct key_job *j, enum keystore_intent intent)
{
    struct err e;
    if (j->o->name != NULL && keystore_check_name(j->o->name, &e) != 0)
        return key_fail_usage(j, "%s", e.text);
    if (keystore_open(&j->store, j->state, intent, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return 0;
}

int key_run(const struct key_options *o, enum keystore_intent intent, int (*run)(struct key_job *))
{
    struct key_job j = {.o = o, .store = {.directory = -1, .lock = -1}};
    struct err e;
    buf_init(&j.out, OUT_MAX);
    buf_init(&j.notes, OUT_MAX);
    if (o->json)
        json_object(&j.out, NULL);
    int status = tls_init(&e) == 0 ? 0 : key_fail(&j, err_cure_or(&e, NULL), "%s", e.text);
    if (status == 0 && intent != KEYSTORE_APART)
        status = read_configuration(&j);
    if (status == 0 && intent != KEYSTORE_APART)
        status = open_store(&j, intent);
    if (status == 0)
        status = run(&j);
    status = finish(&j, status);
    explicit_bzero(&j.passphrase, sizeof j.passphrase);
    keystore_close(&j.store);
    candidate_free(&j.candidate);
    diags_free(&j.findings);
    buf_free(&j.out);
    buf_free(&j.notes);
    return status;
}
