/* kinds.h - what is counted apart: the values of the metrics' labels. All are ours; nothing that a
 * client says becomes one. The names are for metrics and the log, and keep their meaning. */
#ifndef TLSFRONT_IPC_KINDS_H
#define TLSFRONT_IPC_KINDS_H

/* Where a session is; the log's stage=. */
enum stage {
    STAGE_ANNOUNCE, /* a PROXY header is to come */
    STAGE_PREAMBLE, /* in clear, before STARTTLS */
    STAGE_REQUEST,  /* acme in clear, mta-sts inside TLS */
    STAGE_HANDSHAKE,
    STAGE_ASK, /* acme: the supervisor looks for the answer */
    STAGE_DIAL,
    STAGE_GREETING,
    STAGE_OPENING,
    STAGE_RELAY,
    STAGE_LINGER, /* all is said */
    STAGES
};

/* Whose fault an end was; the log's fault=. */
enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_UPSTREAM, FAULT_LOCAL, FAULTS };

/* Why somebody was refused: the first six in the order of enum starttls_refusal. */
enum refusal {
    REFUSAL_UPSTREAM,  /* none is available */
    REFUSAL_LIMIT,     /* max-connections, max-connections-per-ip, or resources */
    REFUSAL_DRAINING,  /* the daemon is going down */
    REFUSAL_TLS_LATE,  /* it did not begin TLS in time */
    REFUSAL_DENIED,    /* by allow or deny */
    REFUSAL_RATE,      /* connection-rate-per-ip */
    REFUSAL_CHALLENGE, /* acme: no answer in time */
    REFUSALS
};

/* Why a handshake failed that had begun. */
enum handshake_fault {
    HANDSHAKE_LEFT,        /* the client closed */
    HANDSHAKE_LATE,        /* it did not finish in time */
    HANDSHAKE_REJECTED,    /* the client does not take our certificate, by its alert */
    HANDSHAKE_ALERT,       /* another alert of the client */
    HANDSHAKE_VERSION,     /* no common version of TLS */
    HANDSHAKE_PARAMETERS,  /* no common cipher, group or signature */
    HANDSHAKE_CERTIFICATE, /* the client's certificate: missing, unknown, expired, not allowed */
    HANDSHAKE_NAME,        /* no certificate for the name it asked for */
    HANDSHAKE_ALPN,        /* no common application protocol */
    HANDSHAKE_PROTOCOL,    /* it broke the protocol, or spoke another one */
    HANDSHAKE_SIGNER,      /* the signer did not sign */
    HANDSHAKE_INTERNAL,    /* out of memory and such */
    HANDSHAKE_FAULTS
};

/* What became of a session of a route with STARTTLS. */
enum starttls_outcome {
    STARTTLS_DONE,     /* TLS stands */
    STARTTLS_FAILED,   /* the handshake did not succeed */
    STARTTLS_INJECTED, /* data came behind the upgrade command */
    STARTTLS_UNUSED,   /* it ended in clear */
    STARTTLS_OUTCOMES
};

/* Why an upstream did not serve. */
enum upstream_fault {
    UPSTREAM_REFUSED,     /* nobody listens */
    UPSTREAM_TIMEOUT,     /* no connection in time */
    UPSTREAM_UNREACHABLE, /* no way there */
    UPSTREAM_SILENT,      /* no greeting in time */
    UPSTREAM_GONE,        /* it ended or broke off before it had greeted */
    UPSTREAM_OTHER,
    UPSTREAM_TLS,         /* its handshake failed, or its TLS broke before it had greeted */
    UPSTREAM_CERTIFICATE, /* its certificate is not accepted, or it does not accept ours */
    UPSTREAM_FAULTS
};

extern const char *const stage_names[STAGES];
extern const char *const fault_names[FAULTS];
extern const char *const refusal_names[REFUSALS];
extern const char *const handshake_fault_names[HANDSHAKE_FAULTS];
extern const char *const starttls_outcome_names[STARTTLS_OUTCOMES];
extern const char *const upstream_fault_names[UPSTREAM_FAULTS];

/* Upper bounds of the buckets of tlsfront_handshake_seconds, in milliseconds; behind the last is
 * one for all that took longer. */
enum { HANDSHAKE_BOUNDS = 11 };
extern const unsigned handshake_bounds_ms[HANDSHAKE_BOUNDS];

#endif
