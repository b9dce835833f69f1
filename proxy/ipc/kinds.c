#include "proxy/ipc/kinds.h"

const char *const stage_names[STAGES] = {
    [STAGE_ANNOUNCE] = "announce",   [STAGE_PREAMBLE] = "preamble", [STAGE_REQUEST] = "request",
    [STAGE_HANDSHAKE] = "handshake", [STAGE_ASK] = "ask",           [STAGE_DIAL] = "dial",
    [STAGE_GREETING] = "greeting",   [STAGE_OPENING] = "opening",   [STAGE_RELAY] = "relay",
    [STAGE_LINGER] = "linger",
};

const char *const fault_names[FAULTS] = {
    [FAULT_NONE] = "none",
    [FAULT_CLIENT] = "client",
    [FAULT_UPSTREAM] = "upstream",
    [FAULT_LOCAL] = "tlsfront",
};

const char *const refusal_names[REFUSALS] = {
    [REFUSAL_UPSTREAM] = "upstream_down",
    [REFUSAL_LIMIT] = "limit",
    [REFUSAL_DRAINING] = "draining",
    [REFUSAL_TLS_LATE] = "tls_late",
    [REFUSAL_DENIED] = "denied",
    [REFUSAL_RATE] = "rate",
    [REFUSAL_CHALLENGE] = "challenge_late",
};

const char *const handshake_fault_names[HANDSHAKE_FAULTS] = {
    [HANDSHAKE_LEFT] = "client_left",
    [HANDSHAKE_LATE] = "timeout",
    [HANDSHAKE_REJECTED] = "certificate_rejected",
    [HANDSHAKE_ALERT] = "client_alert",
    [HANDSHAKE_VERSION] = "version",
    [HANDSHAKE_PARAMETERS] = "parameters",
    [HANDSHAKE_CERTIFICATE] = "client_certificate",
    [HANDSHAKE_NAME] = "server_name",
    [HANDSHAKE_ALPN] = "alpn",
    [HANDSHAKE_PROTOCOL] = "protocol",
    [HANDSHAKE_SIGNER] = "signer",
    [HANDSHAKE_INTERNAL] = "internal",
};

const char *const starttls_outcome_names[STARTTLS_OUTCOMES] = {
    [STARTTLS_DONE] = "done",
    [STARTTLS_FAILED] = "failed",
    [STARTTLS_INJECTED] = "injected",
    [STARTTLS_UNUSED] = "unused",
};

const char *const upstream_fault_names[UPSTREAM_FAULTS] = {
    [UPSTREAM_REFUSED] = "refused",
    [UPSTREAM_TIMEOUT] = "timeout",
    [UPSTREAM_UNREACHABLE] = "unreachable",
    [UPSTREAM_SILENT] = "no_greeting",
    [UPSTREAM_GONE] = "closed",
    [UPSTREAM_OTHER] = "other",
    [UPSTREAM_TLS] = "tls",
    [UPSTREAM_CERTIFICATE] = "certificate",
};

const unsigned handshake_bounds_ms[HANDSHAKE_BOUNDS] = {1,   5,   10,   25,   50,   100,
                                                        250, 500, 1000, 2500, 10000};
