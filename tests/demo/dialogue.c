#include "tests/demo/dialogue.h"

#include <string.h>
#include <strings.h>

#define COMMAND_MAX 1024
/* A message with each of its lines dot-stuffed is at most half as long again. */
#define OUT_MAX (DIALOGUE_OUT_ENOUGH + 2 * MAILBOX_MESSAGE_MAX)

static void dialogue_init(struct dialogue *d, const struct dialogue_protocol *p)
{
    memset(d, 0, sizeof *d);
    d->protocol = p;
    buf_init(&d->in, 2 * DIALOGUE_LINE_MAX);
    buf_init(&d->out, OUT_MAX);
}

void dialogue_open(struct dialogue *d, const struct dialogue_protocol *p, struct mailbox *m)
{
    dialogue_init(d, p);
    d->mailbox = m;
    p->open(d);
}

void dialogue_refuse(struct dialogue *d, const struct dialogue_protocol *p)
{
    dialogue_init(d, p);
    buf_puts(&d->out, p->busy);
    d->ended = true;
}

void dialogue_close(struct dialogue *d)
{
    if (d->mailbox != NULL)
        d->protocol->close(d);
    buf_free(&d->in);
    buf_free(&d->out);
}

void dialogue_feed(struct dialogue *d, const void *data, size_t size)
{
    buf_put(&d->in, data, size);
}

void dialogue_step(struct dialogue *d)
{
    size_t used = 0;
    while (!d->ended && d->out.size < DIALOGUE_OUT_ENOUGH && used < d->in.size) {
        const uint8_t *line = d->in.data + used;
        const uint8_t *lf = memchr(line, '\n', d->in.size - used);
        if (lf == NULL)
            break;
        size_t length = (size_t)(lf + 1 - line);
        d->protocol->line(d, (const char *)line, length);
        used += length;
    }
    buf_drop(&d->in, used);
    /* `in` failed means that more was fed than the limit, which is over the longest line too. */
    bool held_back = d->out.size >= DIALOGUE_OUT_ENOUGH;
    if (!d->ended && (d->in.failed || (!held_back && d->in.size > DIALOGUE_LINE_MAX))) {
        buf_puts(&d->out, d->protocol->too_long);
        d->ended = true;
    }
    if (d->out.failed)
        d->ended = true;
}

bool dialogue_command(struct dialogue *d, const struct dialogue_verb *verbs, const char *line,
                      size_t length)
{
    char command[COMMAND_MAX];
    while (length > 0 && memchr("\r\n ", line[length - 1], 3) != NULL)
        length--;
    if (length >= sizeof command || memchr(line, '\0', length) != NULL)
        return false;
    memcpy(command, line, length);
    command[length] = '\0';

    size_t verb = strcspn(command, " ");
    const char *argument = command + verb + strspn(command + verb, " ");
    command[verb] = '\0';
    for (; verbs->name != NULL; verbs++) {
        if (strcasecmp(verbs->name, command) == 0) {
            verbs->run(d, argument);
            return true;
        }
    }
    return false;
}
