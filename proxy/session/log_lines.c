/* log_lines.c - the log's two lines for a session: open and end. */
#include "proxy/session/core.h"

#include <stdio.h>

void session_id(const struct session *s, char out[SESSION_ID_MAX])
{
    snprintf(out, SESSION_ID_MAX, "%08x-%llx", s->all->tag, (unsigned long long)s->serial);
}

void session_tls_info(const struct session *s, struct tls_info *tls)
{
    *tls = (struct tls_info){0};
    if (s->tls != NULL)
        tls_conn_info(s->tls, tls);
}

const char *session_upstream_name(const struct session *s, char address[ADDRESS_TEXT_MAX])
{
    if (s->upstream_to.sa.sa_family == AF_UNSPEC)
        return s->upstream_path != NULL ? s->upstream_path : "";
    address_text(&s->upstream_to.sa, address);
    return address;
}

static void log_upstream_tls(const struct session *s, struct log_line *line)
{
    struct tls_info tls;
    if (s->upstream_tls == NULL)
        return;
    tls_conn_info(s->upstream_tls, &tls);
    if (tls.version == NULL) /* it did not get so far */
        return;
    log_text(line, "upstream-tls", tls.version);
    log_bool(line, "upstream-resumed", tls.resumed);
}

/* The route's block for those who ask for that name; NULL: there is none. */
static const char *session_name(const struct session *s)
{
    const size_t index = s->tls != NULL ? tls_conn_server_name(s->tls) : TLS_NO_NAME;
    return index != TLS_NO_NAME ? s->route->names[index].config->name : NULL;
}

/* What both lines have in common, so that each can be read alone. */
static void log_facts(struct session *s, struct log_line *line)
{
    char id[SESSION_ID_MAX], client[ADDRESS_TEXT_MAX], upstream[ADDRESS_TEXT_MAX];
    struct tls_info tls;
    if (line->log == NULL)
        return;
    session_id(s, id);
    address_text(&s->from.sa, client);
    session_tls_info(s, &tls);
    log_text(line, "id", id);
    log_text(line, "route", s->route->config->name);
    log_text(line, "protocol", protocol_facts(s->route->config->protocol)->name);
    log_text(line, "client", client);
    log_text(line, "upstream", session_upstream_name(s, upstream));
    log_upstream_tls(s, line);
    log_text(line, "tls", tls.version);
    log_text(line, "cipher", tls.cipher);
    log_text(line, "group", tls.group);
    log_text(line, "sni", tls.sni);
    log_text(line, "server-name", session_name(s));
    log_text(line, "alpn", tls.alpn);
    log_text(line, "client-certificate", tls.client_subject);
    if (s->handshaken)
        log_bool(line, "resumed", tls.resumed);
}

/* Of what its client does. */
static enum config_log_level level_of(const struct session *s)
{
    return s->is_check ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

void session_log_open(struct session *s)
{
    struct log_line line;
    log_begin(&line, s->all->log, level_of(s), s->opened ? "upgraded" : "open");
    log_facts(s, &line);
    log_end(&line);
    s->opened = true;
}

void session_log_end(struct session *s, enum config_log_level level, enum fault fault,
                     const char *how)
{
    struct log_line line;
    log_begin(&line, s->all->log, level, "end");
    log_facts(s, &line);
    log_text(&line, "stage", stage_names[s->machine->rows[s->stage].stage]);
    log_number(&line, "bytes-in", s->bytes_in);
    log_number(&line, "bytes-out", s->bytes_out);
    log_seconds(&line, "duration", session_now(s) - s->started);
    log_text(&line, "fault", fault_names[fault]);
    log_text(&line, "end", how);
    log_end(&line);
}

void session_log_upstream(struct session *s, const char *event, const char *how)
{
    struct log_line line;
    char id[SESSION_ID_MAX], upstream[ADDRESS_TEXT_MAX];
    session_id(s, id);
    log_begin(&line, s->all->log, LOG_LEVEL_WARN, event);
    log_text(&line, "id", id);
    log_text(&line, "route", s->route->config->name);
    log_text(&line, "server-name", session_name(s));
    log_text(&line, "upstream", session_upstream_name(s, upstream));
    log_text(&line, "why", how);
    log_end(&line);
}

void session_log_login_refused(struct session *s, const char *command, const char *mechanism)
{
    struct log_line line;
    char id[SESSION_ID_MAX], client[ADDRESS_TEXT_MAX];
    session_id(s, id);
    address_text(&s->from.sa, client);
    log_begin(&line, s->all->log, level_of(s), "login-refused");
    log_text(&line, "id", id);
    log_text(&line, "route", s->route->config->name);
    log_text(&line, "client", client);
    log_text(&line, "command", command);
    log_text(&line, "mechanism", mechanism);
    log_text(&line, "why", "it came in clear");
    log_end(&line);
}

void session_log_challenge(struct session *s, const char *type, const char *name,
                           const char *outcome)
{
    struct log_line line;
    char id[SESSION_ID_MAX], client[ADDRESS_TEXT_MAX];
    session_id(s, id);
    address_text(&s->from.sa, client);
    log_begin(&line, s->all->log, level_of(s), "challenge");
    log_text(&line, "id", id);
    log_text(&line, "route", s->route->config->name);
    log_text(&line, "client", client);
    log_text(&line, "type", type);
    log_text(&line, "name", name);
    log_text(&line, "outcome", outcome);
    log_end(&line);
}
