/* conn_seal.c - what goes to the client behind the handshake */
#include "tls/conn.h"

#include <stdlib.h>

enum { LEVEL_WARNING = 1, LEVEL_FATAL = 2, ALERT_SIZE = 2 };

static bool send_ticket(struct tls_conn *c)
{
    if (!conn_put_wire(c, c->ticket, c->ticket_size))
        return false;
    free(c->ticket);
    c->ticket = NULL;
    return true;
}

bool conn_seal(struct tls_conn *c, enum record_type type, uint8_t *data, size_t size)
{
    return (c->ticket == NULL || send_ticket(c)) &&
           protection_seal(&c->out, (uint8_t)type, data, size, &c->engine->wire);
}

bool conn_seal_alert(struct tls_conn *c, bool fatal, uint8_t alert)
{
    uint8_t message[ALERT_SIZE + 1] = {fatal ? LEVEL_FATAL : LEVEL_WARNING, alert};
    return conn_seal(c, RECORD_ALERT, message, ALERT_SIZE);
}
