/* test_table.c - every row of the session's table with every event, and memory that runs out in any
 * of these cells. Each also asserts that nothing is left of its session, and one line in the log.
 */
#include "tests/unit/session/places.h"

#define ON(event) (1U << (event))

static const struct place {
    const char *name;
    void (*reach)(void);
    enum session_state state;
    unsigned stays; /* the set of events that change nothing and that neither side notices */
} places[PLACES] = {
    [P_ANNOUNCE] = {"announce", to_announce, SESSION_PROXY_HEADER, 0},
    [P_PREAMBLE] = {"preamble", to_preamble, SESSION_PREAMBLE, 0},
    [P_UPGRADE] = {"upgrade", to_upgrade, SESSION_UPGRADE, 0},
    [P_UPGRADE_UPSTREAM] = {"upgrade, with an upstream of before", to_upgrade_with_upstream,
                            SESSION_UPGRADE, ON(UPSTREAM_RST)},
    [P_REQUEST] = {"request", to_request, SESSION_REQUEST, 0},
    [P_HANDSHAKE] = {"handshake, nothing said", to_handshake, SESSION_HANDSHAKE, ON(CLIENT_SPEAKS)},
    [P_HANDSHAKE_IN_LINE] = {"handshake, in line", to_handshake_in_line, SESSION_HANDSHAKE,
                             ON(TURN)},
    [P_HANDSHAKE_LAST] = {"handshake, the last flight to come", to_handshake_last,
                          SESSION_HANDSHAKE, 0},
    [P_HANDSHAKE_CHALLENGE] = {"handshake, with the certificate of a challenge",
                               to_handshake_with_challenge, SESSION_HANDSHAKE, 0},
    [P_SIGN] = {"sign", to_sign, SESSION_SIGN, ON(SIGNER_REPLACED)},
    [P_QUERY] = {"query", to_query, SESSION_QUERY, 0},
    [P_QUERY_TLS] = {"query in TLS", to_query_in_tls, SESSION_QUERY, 0},
    [P_CHECK] = {"check", to_check, SESSION_CHECK, 0},
    [P_CHECK_CLEAR] = {"check in clear", to_check_in_clear, SESSION_CHECK, 0},
    [P_CHECK_LDAP] = {"check, where the client speaks first", to_check_of_ldap, SESSION_CHECK, 0},
    [P_DIAL] = {"dial", to_dial, SESSION_DIAL, ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_DIAL_BYTES] = {"dial, with bytes of the client", to_dial_with_bytes, SESSION_DIAL,
                      ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(CLIENT_FIN) | ON(CLIENT_RST)},
    [P_DIAL_FINISHED] = {"dial, with bytes and close_notify", to_dial_finished, SESSION_DIAL,
                         ON(CLIENT_SPEAKS) | ON(CLIENT_FIN) | ON(CLIENT_RST)},
    [P_DIAL_CUT] = {"dial, with bytes and FIN", to_dial_cut, SESSION_DIAL, ON(CLIENT_RST)},
    [P_DIAL_BROKEN] = {"dial, with bytes and RST", to_dial_broken, SESSION_DIAL, 0},
    [P_DIAL_LAST] = {"dial, the last address", to_dial_last, SESSION_DIAL,
                     ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_DIAL_CLOSING] = {"dial, the one before closes", to_dial_closing, SESSION_DIAL,
                        ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(TIME)},
    [P_DIAL_CLOSING_LAST] = {"dial, the last one closes", to_dial_closing_last, SESSION_DIAL,
                             ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(TIME)},
    [P_DIAL_CLEAR] = {"dial in clear", to_dial_in_clear, SESSION_DIAL,
                      ON(CLIENT_SPEAKS) | ON(CLIENT_FIN)},
    [P_UPSTREAM_TLS] = {"the upstream's handshake", to_upstream_tls, SESSION_UPSTREAM_TLS,
                        ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_UPSTREAM_TLS_BYTES] = {"the upstream's handshake, with bytes of the client",
                              to_upstream_tls_with_bytes, SESSION_UPSTREAM_TLS,
                              ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(CLIENT_FIN) |
                                  ON(CLIENT_RST)},
    [P_GREETING] = {"greeting", to_greeting, SESSION_GREETING,
                    ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_GREETING_CUT] = {"greeting, with bytes and FIN", to_greeting_cut, SESSION_GREETING,
                        ON(CLIENT_RST)},
    [P_GREETING_BROKEN] = {"greeting, with bytes and RST", to_greeting_broken, SESSION_GREETING, 0},
    [P_GREETING_LAST] = {"greeting, the last address", to_greeting_last, SESSION_GREETING,
                         ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_OPENING] = {"opening", to_opening, SESSION_OPENING, ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_OPENING_BYTES] = {"opening, with bytes", to_opening_with_bytes, SESSION_OPENING,
                         ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(CLIENT_FIN) | ON(CLIENT_RST)},
    [P_OPENING_CUT] = {"opening, with bytes and FIN", to_opening_cut, SESSION_OPENING,
                       ON(CLIENT_RST)},
    [P_OPENING_UNHEARD] = {"opening, the client has read nothing", to_opening_unheard,
                           SESSION_OPENING,
                           ON(CLIENT_SPEAKS) | ON(CLIENT_FIN) | ON(UPSTREAM_SPEAKS)},
    [P_OPENING_TAGS] = {"opening, answers with tags", to_opening_by_tags, SESSION_OPENING,
                        ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(CLIENT_FIN) | ON(CLIENT_RST) |
                            ON(UPSTREAM_SPEAKS)},
    [P_OPENING_HALF] = {"opening, half a greeting", to_opening_half_greeted, SESSION_OPENING,
                        ON(CLIENT_SPEAKS) | ON(CLIENT_FIN)},
    [P_RELAY] = {"relay", to_relay, SESSION_RELAY, 0},
    [P_RELAY_TALK] = {"relay, in dialogue", to_relay_in_dialogue, SESSION_RELAY, 0},
    [P_RELAY_CLEAR] = {"relay in clear", to_relay_in_clear, SESSION_RELAY, 0},
    [P_RELAY_CLIENT_DONE] = {"relay, the client has finished", to_relay_client_done, SESSION_RELAY,
                             ON(CLIENT_SPEAKS) | ON(CLIENT_FIN)},
    [P_RELAY_UPSTREAM_DONE] = {"relay, the upstream has finished", to_relay_upstream_done,
                               SESSION_RELAY, 0},
    [P_RELAY_QUEUED] = {"relay, the upstream is slow", to_relay_queued, SESSION_RELAY,
                        ON(UPSTREAM_DRAINED)},
    [P_RELAY_SLOW] = {"relay, the client is slow", to_relay_client_slow, SESSION_RELAY,
                      ON(CLIENT_DRAINED)},
    [P_RELAY_SLOW_DONE] = {"relay, the client is slow and has finished",
                           to_relay_client_slow_and_done, SESSION_RELAY,
                           ON(CLIENT_SPEAKS) | ON(CLIENT_FIN) | ON(CLIENT_DRAINED)},
    [P_RELAY_SECURED] = {"relay, TLS on both sides", to_relay_secured, SESSION_RELAY, 0},
    [P_RELAY_SECURED_DONE] = {"relay, the upstream has said goodbye",
                              to_relay_secured_upstream_done, SESSION_RELAY,
                              ON(UPSTREAM_SPEAKS) | ON(UPSTREAM_FIN_CAME)},
    [P_LINGER] = {"linger", to_linger, SESSION_LINGER, ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE)},
    [P_LINGER_KERNEL] = {"linger, until the upstream has all", to_linger_for_kernel, SESSION_LINGER,
                         ON(UPSTREAM_SPEAKS) | ON(UPSTREAM_FIN_CAME) | ON(TIME)},
    [P_LINGER_QUEUE] = {"linger, until the upstream has taken what is queued", to_linger_with_queue,
                        SESSION_LINGER, ON(UPSTREAM_SPEAKS) | ON(UPSTREAM_FIN_CAME) | ON(TIME)},
    [P_LINGER_RESET] = {"linger, until the client has taken what is queued", to_linger_for_reset,
                        SESSION_LINGER,
                        ON(CLIENT_SPEAKS) | ON(CLIENT_GOODBYE) | ON(CLIENT_FIN) |
                            ON(UPSTREAM_CLOSED) | ON(TIME)},
    [P_CLOSING] = {"closing", to_closing, SESSION_CLOSING, ON(STOP)},
};

/* What the others do. Those in neither cannot happen: nobody reads, nothing is queued and so on. */
static const struct cell {
    enum place_name place;
    enum event_name event;
    enum session_state next;
    enum end end;
    const char *client, *upstream; /* what they get */
} cells[] = {
    {P_ANNOUNCE, CLIENT_SPEAKS, SESSION_HANDSHAKE, END_NONE, "", ""},
    {P_ANNOUNCE, CLIENT_FIN, SESSION_CLOSING, END_LEFT_BEFORE_TLS, "<close>", ""},
    {P_ANNOUNCE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_ANNOUNCE, TIME, SESSION_CLOSING, END_PROXY_HEADER_LATE, "<close>", ""},
    {P_ANNOUNCE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_PREAMBLE, CLIENT_SPEAKS, SESSION_PREAMBLE, END_NONE,
     "-ERR Must issue a STLS command first\r\n", ""},
    {P_PREAMBLE, CLIENT_FIN, SESSION_CLOSING, END_LEFT_BEFORE_TLS, "<close>", ""},
    {P_PREAMBLE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_PREAMBLE, TIME, SESSION_LINGER, END_TLS_LATE, LATE "<fin>", ""},
    {P_PREAMBLE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_UPGRADE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<reset>", ""},
    {P_UPGRADE, CLIENT_DRAINED, SESSION_HANDSHAKE, END_NONE, "", ""},
    {P_UPGRADE, TIME, SESSION_LINGER, END_TLS_LATE, LATE, ""},
    {P_UPGRADE, STOP, SESSION_CLOSING, END_STOPPED, "<reset>", ""},
    {P_UPGRADE_UPSTREAM, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<reset>", "<reset>"},
    {P_UPGRADE_UPSTREAM, CLIENT_DRAINED, SESSION_HANDSHAKE, END_NONE, "", "<close>"},
    {P_UPGRADE_UPSTREAM, TIME, SESSION_LINGER, END_TLS_LATE, LATE, "<close>"},
    {P_UPGRADE_UPSTREAM, STOP, SESSION_CLOSING, END_STOPPED, "<reset>", "<close>"},
    {P_REQUEST, CLIENT_SPEAKS, SESSION_QUERY, END_NONE, "", ""},
    {P_REQUEST, CLIENT_FIN, SESSION_CLOSING, END_LEFT_IN_REQUEST, "<close>", ""},
    {P_REQUEST, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_REQUEST, TIME, SESSION_LINGER, END_REQUEST_LATE,
     HTTP("408 Request Timeout", TEXT, "34", "", "The request did not come in time.\n"), ""},
    {P_REQUEST, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_HANDSHAKE, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_HANDSHAKE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_HANDSHAKE, TIME, SESSION_LINGER, END_HANDSHAKE_LATE, "<alert 90><fin>", ""},
    {P_HANDSHAKE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_HANDSHAKE_IN_LINE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_HANDSHAKE_IN_LINE, TIME, SESSION_LINGER, END_HANDSHAKE_LATE, "<alert 90><fin>", ""},
    {P_HANDSHAKE_IN_LINE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_HANDSHAKE_LAST, CLIENT_SPEAKS, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_HANDSHAKE_LAST, CLIENT_GOODBYE, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_HANDSHAKE_LAST, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_HANDSHAKE_LAST, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_HANDSHAKE_LAST, TIME, SESSION_LINGER, END_HANDSHAKE_LATE, "<alert 90><fin>", ""},
    {P_HANDSHAKE_LAST, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_HANDSHAKE_CHALLENGE, CLIENT_SPEAKS, SESSION_LINGER, END_CHALLENGE_ANSWERED, "<bye><fin>",
     ""},
    {P_HANDSHAKE_CHALLENGE, CLIENT_GOODBYE, SESSION_LINGER, END_CHALLENGE_ANSWERED, "<bye><fin>",
     ""},
    {P_HANDSHAKE_CHALLENGE, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_HANDSHAKE_CHALLENGE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_HANDSHAKE_CHALLENGE, TIME, SESSION_LINGER, END_HANDSHAKE_LATE, "<alert 90><fin>", ""},
    {P_HANDSHAKE_CHALLENGE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_SIGN, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_SIGN, SIGNED, SESSION_HANDSHAKE, END_NONE, "", ""},
    {P_SIGN, UNSIGNED, SESSION_LINGER, END_TLS_FAILED, "<alert 80><fin>", ""},
    {P_SIGN, TIME, SESSION_LINGER, END_SIGNER_LATE, "<alert 80><fin>", ""},
    {P_SIGN, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_QUERY, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_QUERY, FOUND, SESSION_LINGER, END_CHALLENGE_ANSWERED,
     HTTP("200 OK", "application/octet-stream", "17", "", "key-authorization"), ""},
    {P_QUERY, UNKNOWN, SESSION_LINGER, END_CHALLENGE_UNKNOWN,
     HTTP("404 Not Found", TEXT, "46", "", "Only the answers to ACME challenges are here.\n"), ""},
    {P_QUERY, TIME, SESSION_LINGER, END_CHALLENGE_LATE,
     HTTP("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {P_QUERY, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_QUERY_TLS, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_QUERY_TLS, FOUND, SESSION_HANDSHAKE, END_NONE, "", ""},
    {P_QUERY_TLS, UNKNOWN, SESSION_LINGER, END_TLS_FAILED, "<alert 112><fin>", ""},
    {P_QUERY_TLS, TIME, SESSION_LINGER, END_CHALLENGE_LATE_TLS, "<alert 80><fin>", ""},
    {P_QUERY_TLS, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_DIAL, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_DIAL, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_DIAL, CONNECTED, SESSION_RELAY, END_NONE, "", PROXY},
    {P_DIAL, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_UPSTREAM_TLS, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_UPSTREAM_TLS, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_UPSTREAM_TLS, UPSTREAM_SPEAKS, SESSION_DIAL, END_NONE, "", "<close>"},
    {P_UPSTREAM_TLS, UPSTREAM_SHAKES, SESSION_RELAY, END_NONE, "", ""},
    {P_UPSTREAM_TLS, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<close>"},
    {P_UPSTREAM_TLS, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_UPSTREAM_TLS, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_UPSTREAM_TLS, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_UPSTREAM_TLS_BYTES, UPSTREAM_SPEAKS, SESSION_DIAL, END_NONE, "", "<close>"},
    {P_UPSTREAM_TLS_BYTES, UPSTREAM_SHAKES, SESSION_RELAY, END_NONE, "", "early "},
    {P_UPSTREAM_TLS_BYTES, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<close>"},
    {P_UPSTREAM_TLS_BYTES, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_UPSTREAM_TLS_BYTES, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_UPSTREAM_TLS_BYTES, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_RELAY_SECURED, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_SECURED, CLIENT_GOODBYE, SESSION_RELAY, END_NONE, "", "<bye><fin>"},
    {P_RELAY_SECURED, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_RELAY_SECURED, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_RELAY_SECURED, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY_SECURED, UPSTREAM_GOODBYE, SESSION_RELAY, END_NONE, "<bye><fin>", ""},
    {P_RELAY_SECURED, UPSTREAM_FIN_CAME, SESSION_CLOSING, END_UPSTREAM_TLS, "<reset>", "<close>"},
    {P_RELAY_SECURED, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<close>"},
    {P_RELAY_SECURED, TIME, SESSION_LINGER, END_IDLE, "<bye><fin>", "<bye><close>"},
    {P_RELAY_SECURED, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<bye><close>"},
    {P_RELAY_SECURED_DONE, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_SECURED_DONE, CLIENT_GOODBYE, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>",
     "<bye><close>"},
    {P_RELAY_SECURED_DONE, CLIENT_FIN, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>",
     "<bye><close>"},
    {P_RELAY_SECURED_DONE, CLIENT_RST, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>",
     "<bye><close>"},
    {P_RELAY_SECURED_DONE, UPSTREAM_RST, SESSION_LINGER, END_UPSTREAM_LEFT, "", "<close>"},
    {P_RELAY_SECURED_DONE, TIME, SESSION_CLOSING, END_CLIENT_STAYED, "<close>", "<reset>"},
    {P_RELAY_SECURED_DONE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<bye><close>"},
    {P_DIAL_BYTES, CONNECTED, SESSION_RELAY, END_NONE, "", PROXY "early "},
    {P_DIAL_BYTES, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_BYTES, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_BYTES, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_DIAL_FINISHED, CONNECTED, SESSION_RELAY, END_NONE, "", PROXY "early <fin>"},
    {P_DIAL_FINISHED, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_FINISHED, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_FINISHED, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_DIAL_CUT, CONNECTED, SESSION_CLOSING, END_TLS_FAILED, "<close>", PROXY "early <reset>"},
    {P_DIAL_CUT, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_CUT, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_CUT, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_DIAL_BROKEN, CONNECTED, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", PROXY "early <reset>"},
    {P_DIAL_BROKEN, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_BROKEN, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_BROKEN, STOP, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_CHECK, CLIENT_SPEAKS, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_CHECK, CLIENT_GOODBYE, SESSION_CLOSING, END_CLIENT_CLOSED, "<close>", ""},
    {P_CHECK, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_CHECK, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_CHECK, TIME, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_CHECK, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", ""},
    {P_CHECK_CLEAR, CLIENT_SPEAKS, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_CHECK_CLEAR, CLIENT_FIN, SESSION_CLOSING, END_CLIENT_CLOSED, "<close>", ""},
    {P_CHECK_CLEAR, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_CHECK_CLEAR, TIME, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_CHECK_CLEAR, STOP, SESSION_CLOSING, END_STOPPED, "<close>", ""},
    {P_CHECK_LDAP, CLIENT_SPEAKS, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_CHECK_LDAP, CLIENT_GOODBYE, SESSION_CLOSING, END_CLIENT_CLOSED, "<close>", ""},
    {P_CHECK_LDAP, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_CHECK_LDAP, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_CHECK_LDAP, TIME, SESSION_LINGER, END_IDLE, "<bye><fin>", ""},
    {P_CHECK_LDAP, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", ""},
    {P_DIAL_LAST, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_DIAL_LAST, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_DIAL_LAST, CONNECTED, SESSION_RELAY, END_NONE, "", PROXY},
    {P_DIAL_LAST, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_LAST, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_LAST, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_DIAL_CLOSING, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_DIAL_CLOSING, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_DIAL_CLOSING, UPSTREAM_CLOSED, SESSION_DIAL, END_NONE, "", "<dialled>"},
    {P_DIAL_CLOSING, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", ""},
    {P_DIAL_CLOSING_LAST, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", ""},
    {P_DIAL_CLOSING_LAST, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", ""},
    {P_DIAL_CLOSING_LAST, UPSTREAM_CLOSED, SESSION_LINGER, END_NO_UPSTREAM, "<bye><fin>", ""},
    {P_DIAL_CLOSING_LAST, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", ""},
    {P_DIAL_CLEAR, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_DIAL_CLEAR, CONNECTED, SESSION_GREETING, END_NONE, "", ""},
    {P_DIAL_CLEAR, REFUSED, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_CLEAR, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_DIAL_CLEAR, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_GREETING, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_GREETING, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_GREETING, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK hello\r\n", ""},
    {P_GREETING, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_GREETING_CUT, UPSTREAM_SPEAKS, SESSION_CLOSING, END_TLS_FAILED, "<close>",
     "NOOP\r\n<reset>"},
    {P_GREETING_CUT, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_CUT, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_CUT, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_CUT, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_GREETING_BROKEN, UPSTREAM_SPEAKS, SESSION_CLOSING, END_CLIENT_BROKE, "<close>",
     "NOOP\r\n<reset>"},
    {P_GREETING_BROKEN, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_BROKEN, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_BROKEN, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_BROKEN, STOP, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_GREETING_LAST, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_GREETING_LAST, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_GREETING_LAST, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK hello\r\n", ""},
    {P_GREETING_LAST, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_LAST, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_LAST, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_GREETING_LAST, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_OPENING, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_OPENING, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_OPENING, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "", ""},
    {P_OPENING, UPSTREAM_FIN_CAME, SESSION_LINGER, END_NO_UPSTREAM,
     "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING, UPSTREAM_RST, SESSION_LINGER, END_NO_UPSTREAM,
     "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING, TIME, SESSION_LINGER, END_NO_UPSTREAM, "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>",
     "<close>"},
    {P_OPENING, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_OPENING_BYTES, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_OPENING_BYTES, UPSTREAM_FIN_CAME, SESSION_LINGER, END_NO_UPSTREAM,
     "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING_BYTES, UPSTREAM_RST, SESSION_LINGER, END_NO_UPSTREAM,
     "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING_BYTES, TIME, SESSION_LINGER, END_NO_UPSTREAM,
     "-ERR [SYS/TEMP] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING_BYTES, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_OPENING_CUT, UPSTREAM_SPEAKS, SESSION_CLOSING, END_TLS_FAILED, "<close>", "NOOP\r\n<reset>"},
    {P_OPENING_CUT, UPSTREAM_FIN_CAME, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", "<close>"},
    {P_OPENING_CUT, UPSTREAM_RST, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", "<close>"},
    {P_OPENING_CUT, TIME, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", "<close>"},
    {P_OPENING_CUT, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_OPENING_TAGS, UPSTREAM_FIN_CAME, SESSION_LINGER, END_NO_UPSTREAM,
     "* BYE [UNAVAILABLE] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING_TAGS, UPSTREAM_RST, SESSION_LINGER, END_NO_UPSTREAM,
     "* BYE [UNAVAILABLE] " DOWN "\r\n<bye><fin>", "<close>"},
    {P_OPENING_TAGS, TIME, SESSION_RELAY, END_NONE, "", "a NOOP\r\n"},
    {P_OPENING_TAGS, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_OPENING_HALF, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_OPENING_HALF, UPSTREAM_SPEAKS, SESSION_LINGER, END_DIALOGUE_BROKEN,
     "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>", "<close>"},
    {P_OPENING_HALF, UPSTREAM_FIN_CAME, SESSION_LINGER, END_NO_UPSTREAM,
     "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>", "<close>"},
    {P_OPENING_HALF, UPSTREAM_RST, SESSION_LINGER, END_NO_UPSTREAM,
     "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>", "<close>"},
    {P_OPENING_HALF, TIME, SESSION_LINGER, END_NO_UPSTREAM, "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>",
     "<close>"},
    {P_OPENING_HALF, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_OPENING_UNHEARD, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_OPENING_UNHEARD, UPSTREAM_FIN_CAME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_OPENING_UNHEARD, UPSTREAM_RST, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_OPENING_UNHEARD, TIME, SESSION_DIAL, END_NONE, "", "<reset>"},
    {P_OPENING_UNHEARD, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_RELAY, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY, CLIENT_GOODBYE, SESSION_RELAY, END_NONE, "", "<fin>"},
    {P_RELAY, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_RELAY, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_RELAY, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY, UPSTREAM_FIN_CAME, SESSION_RELAY, END_NONE, "<bye><fin>", ""},
    {P_RELAY, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<close>"},
    {P_RELAY, TIME, SESSION_LINGER, END_IDLE, "<bye><fin>", "<close>"},
    {P_RELAY, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_RELAY_TALK, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_TALK, CLIENT_GOODBYE, SESSION_RELAY, END_NONE, "", "<fin>"},
    {P_RELAY_TALK, CLIENT_FIN, SESSION_CLOSING, END_TLS_FAILED, "<close>", "<reset>"},
    {P_RELAY_TALK, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_RELAY_TALK, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY_TALK, UPSTREAM_FIN_CAME, SESSION_RELAY, END_NONE, "<bye><fin>", ""},
    {P_RELAY_TALK, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<close>"},
    {P_RELAY_TALK, TIME, SESSION_LINGER, END_IDLE, "<bye><fin>", "<close>"},
    {P_RELAY_TALK, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_RELAY_CLEAR, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_CLEAR, CLIENT_FIN, SESSION_RELAY, END_NONE, "", "<fin>"},
    {P_RELAY_CLEAR, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_RELAY_CLEAR, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY_CLEAR, UPSTREAM_FIN_CAME, SESSION_LINGER, END_UPSTREAM_CLOSED_IN_CLEAR, "<fin>",
     "<close>"},
    {P_RELAY_CLEAR, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<close>"},
    {P_RELAY_CLEAR, TIME, SESSION_LINGER, END_TLS_LATE, LATE "<fin>", "<close>"},
    {P_RELAY_CLEAR, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_RELAY_CLIENT_DONE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<close>", "<reset>"},
    {P_RELAY_CLIENT_DONE, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY_CLIENT_DONE, UPSTREAM_FIN_CAME, SESSION_CLOSING, END_CLIENT_CLOSED, "<bye><close>",
     "<close>"},
    {P_RELAY_CLIENT_DONE, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<close>"},
    {P_RELAY_CLIENT_DONE, TIME, SESSION_LINGER, END_UPSTREAM_STAYED, "<bye><fin>", "<close>"},
    {P_RELAY_CLIENT_DONE, STOP, SESSION_CLOSING, END_STOPPED, "<bye><close>", "<close>"},
    {P_RELAY_UPSTREAM_DONE, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_UPSTREAM_DONE, CLIENT_GOODBYE, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>",
     "<close>"},
    {P_RELAY_UPSTREAM_DONE, CLIENT_FIN, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>", "<close>"},
    {P_RELAY_UPSTREAM_DONE, CLIENT_RST, SESSION_CLOSING, END_UPSTREAM_CLOSED, "<close>", "<close>"},
    {P_RELAY_UPSTREAM_DONE, UPSTREAM_RST, SESSION_LINGER, END_UPSTREAM_LEFT, "", "<close>"},
    {P_RELAY_UPSTREAM_DONE, TIME, SESSION_CLOSING, END_CLIENT_STAYED, "<close>", "<reset>"},
    {P_RELAY_UPSTREAM_DONE, STOP, SESSION_CLOSING, END_STOPPED, "<close>", "<close>"},
    {P_RELAY_QUEUED, CLIENT_RST, SESSION_LINGER, END_CLIENT_BROKE, "<close>", ""},
    {P_RELAY_QUEUED, UPSTREAM_SPEAKS, SESSION_RELAY, END_NONE, "+OK\r\n", ""},
    {P_RELAY_QUEUED, UPSTREAM_FIN_CAME, SESSION_RELAY, END_NONE, "<bye><fin>", ""},
    {P_RELAY_QUEUED, UPSTREAM_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", "<reset>"},
    {P_RELAY_QUEUED, TIME, SESSION_RELAY, END_NONE, "", ""}, /* is it being delivered? */
    {P_RELAY_QUEUED, STOP, SESSION_CLOSING, END_STOPPED_AMID, "<reset>", "<reset>"},
    {P_RELAY_SLOW, CLIENT_SPEAKS, SESSION_RELAY, END_NONE, "", "NOOP\r\n"},
    {P_RELAY_SLOW, CLIENT_GOODBYE, SESSION_RELAY, END_NONE, "", "<fin>"},
    {P_RELAY_SLOW, CLIENT_FIN, SESSION_LINGER, END_TLS_FAILED, "", "<reset>"},
    {P_RELAY_SLOW, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<reset>", "<reset>"},
    {P_RELAY_SLOW, UPSTREAM_RST, SESSION_LINGER, END_UPSTREAM_BROKE, "", "<close>"},
    {P_RELAY_SLOW, TIME, SESSION_RELAY, END_NONE, "", ""},
    {P_RELAY_SLOW, STOP, SESSION_CLOSING, END_STOPPED_AMID, "<reset>", "<reset>"},
    {P_RELAY_SLOW_DONE, CLIENT_RST, SESSION_CLOSING, END_CLIENT_BROKE, "<reset>", "<reset>"},
    {P_RELAY_SLOW_DONE, UPSTREAM_RST, SESSION_LINGER, END_UPSTREAM_BROKE, "", "<close>"},
    {P_RELAY_SLOW_DONE, TIME, SESSION_RELAY, END_NONE, "", ""},
    {P_RELAY_SLOW_DONE, STOP, SESSION_CLOSING, END_STOPPED_AMID, "<reset>", "<reset>"},
    {P_LINGER, CLIENT_FIN, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", ""},
    {P_LINGER, CLIENT_RST, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", ""},
    {P_LINGER, TIME, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", ""},
    {P_LINGER, STOP, SESSION_CLOSING, END_NO_UPSTREAM, "<close>", ""},
    {P_LINGER_KERNEL, UPSTREAM_RST, SESSION_CLOSING, END_TLS_FAILED, "", "<reset>"},
    {P_LINGER_KERNEL, STOP, SESSION_CLOSING, END_TLS_FAILED, "", "<reset>"},
    {P_LINGER_QUEUE, UPSTREAM_RST, SESSION_CLOSING, END_CLIENT_BROKE, "", "<reset>"},
    {P_LINGER_QUEUE, UPSTREAM_DRAINED, SESSION_CLOSING, END_CLIENT_BROKE, "", "<reset>"},
    {P_LINGER_QUEUE, STOP, SESSION_CLOSING, END_CLIENT_BROKE, "", "<reset>"},
    {P_LINGER_RESET, CLIENT_RST, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", ""},
    {P_LINGER_RESET, CLIENT_DRAINED, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", ""},
    {P_LINGER_RESET, STOP, SESSION_CLOSING, END_UPSTREAM_BROKE, "<reset>", ""},
};

static struct cell expected(enum place_name place, enum event_name event, const struct cell *before)
{
    for (size_t i = 0; i < COUNT(cells); i++)
        if (cells[i].place == place && cells[i].event == event)
            return cells[i];
    return (struct cell){place, event, before->next, before->end, "", ""};
}

/* Once, if it can happen. */
static bool is_listed(enum place_name place, enum event_name event, bool can_happen)
{
    unsigned times = (places[place].stays & ON(event)) != 0;
    for (size_t i = 0; i < COUNT(cells); i++)
        times += cells[i].place == place && cells[i].event == event;
    return times == can_happen;
}

/* Where the session is now, and what was noticed since the last time. */
static struct cell observe(enum place_name place, enum event_name event)
{
    const enum end end = f.s->end != NULL ? (enum end)(f.s->end - session_ends) : END_NONE;
    return (struct cell){place, event, f.s->state, end, client_got(), upstream_got()};
}

static const char *words(const struct cell *c)
{
    static char out[2][4000];
    static unsigned turn;
    char *to = out[turn++ % 2];
    snprintf(to, sizeof out[0], "\"%s\" with end \"%s\", client \"%s\", upstream \"%s\"",
             stage_names[f.s->machine->rows[c->next].stage],
             c->end != END_NONE ? session_ends[c->end].words : "", c->client, c->upstream);
    return to;
}

static bool equal(const struct cell *a, const struct cell *b)
{
    return a->next == b->next && a->end == b->end && strcmp(a->client, b->client) == 0 &&
           strcmp(a->upstream, b->upstream) == 0;
}

/* False, and said: the cell is wrong. */
static bool drive(enum place_name place, enum event_name event)
{
    const struct place *p = &places[place];
    p->reach();
    const struct cell before = observe(place, event);
    assert_int_equal(before.next, p->state);
    const struct cell shall = expected(place, event, &before);
    const bool happened = events[event].happens();
    const struct cell is = observe(place, event);
    const bool right = is_listed(place, event, happened) && equal(&is, &shall);
    if (!right)
        print_message("%s, when %s: %s%s, expected %s\n", p->name, events[event].name,
                      happened ? "" : "(cannot happen) ", words(&is), words(&shall));
    finish();
    return right;
}

static void every_event_in_every_state_does_what_the_table_says(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (enum place_name place = 0; place < PLACES; place++)
        for (enum event_name event = 0; event < EVENTS; event++)
            wrong += !drive(place, event);
    assert_int_equal(wrong, 0);
}

/* The event, while the session's n-th allocation from now fails. False: it does not come to that.
 */
static bool run_out_of_memory(enum place_name place, enum event_name event, long n, unsigned *wrong)
{
    places[place].reach();
    const struct cell before = observe(place, event);
    const struct cell shall = expected(place, event, &before);
    countdown = n;
    events[event].happens();
    countdown = -1;
    const struct cell is = observe(place, event);
    const bool ran_out = memory_ran_out;
    const bool the_same = is.next == shall.next && is.end == shall.end;
    if (ran_out && !the_same && is.end != END_OUT_OF_MEMORY) {
        print_message("%s, when %s, without allocation %ld: %s\n", places[place].name,
                      events[event].name, n, words(&is));
        ++*wrong;
    }
    finish();
    return ran_out;
}

static void without_memory_a_session_ends_and_blames_nobody_else(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (enum place_name place = 0; place < PLACES; place++)
        for (enum event_name event = 0; event < EVENTS; event++)
            for (long n = 0; run_out_of_memory(place, event, n, &wrong); n++)
                continue;
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state_does_what_the_table_says),
        cmocka_unit_test(without_memory_a_session_ends_and_blames_nobody_else),
    };
    return cmocka_run_group_tests(tests, scene_group_setup, scene_group_teardown);
}
