/* commit.c - what is in place on disk, and the running daemon. */
#include "proxy/base/json.h"
#include "proxy/control/control.h"
#include "proxy/key/binding.h"

bool key_is_watched(const struct key_job *j)
{
    const size_t block = key_block(j, j->o->name);
    return block != KEY_UNBOUND && j->config->watch && j->config->certificates[block].managed;
}

static int leave_to_operator(struct key_job *j)
{
    if (j->o->json)
        json_bool(&j->out, "committed", false);
    if (key_is_watched(j))
        key_note(j, "a running daemon takes it up by itself within seconds (watch = on)");
    else
        key_note(j, "commit it when it suits you: tlsfront reload%s%s",
                 j->o->file_given ? " -c " : "", j->o->file_given ? j->o->file : "");
    return 0;
}

int key_commit(struct key_job *j)
{
    struct buf text;
    struct err e;
    if (!j->o->commit)
        return leave_to_operator(j);
    buf_init(&text, CONTROL_TEXT_MAX);
    int status = control_fetch(j->control, "reload", CONTROL_SECONDS, &text, &e);
    const char *said = status >= 0 ? (const char *)text.data : e.text;
    if (j->o->json)
        json_bool(&j->out, "committed", status == 0);
    else if (status == 0)
        key_say(j, "committed", said);
    if (status != 0)
        key_fail(j,
                 "the certificate is in place on disk, but the daemon has not taken it up: mend "
                 "that and run `tlsfront reload`, or go back with `tlsfront key rollback NAME`",
                 "%s", said);
    buf_free(&text);
    return status == 0 ? 0 : EXIT_RUNTIME;
}
