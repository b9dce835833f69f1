#include "tests/demo/mailbox.h"

#include <stdlib.h>
#include <string.h>

bool mailbox_full(const struct mailbox *m)
{
    return m->count == MAILBOX_MESSAGES;
}

bool mailbox_add(struct mailbox *m, const struct buf *message)
{
    if (mailbox_full(m))
        return false;
    uint8_t *data = malloc(message->size > 0 ? message->size : 1);
    if (data == NULL)
        return false;
    if (message->size > 0)
        memcpy(data, message->data, message->size);
    m->messages[m->count++] =
        (struct message){.data = data, .size = message->size, .id = ++m->last_id};
    return true;
}

void mailbox_remove(struct mailbox *m, size_t index)
{
    free(m->messages[index].data);
    m->count--;
    memmove(&m->messages[index], &m->messages[index + 1],
            (m->count - index) * sizeof m->messages[0]);
}

void mailbox_free(struct mailbox *m)
{
    while (m->count > 0)
        mailbox_remove(m, m->count - 1);
}
