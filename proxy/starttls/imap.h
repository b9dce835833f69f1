/* imap.h - IMAP: STARTTLS by RFC 9051, 3501 and 2595.
 *
 * imap.c         the row, and the client's lines
 * imap_own.c     what we say ourselves
 * imap_pass.c    the client's commands on their way to an upstream
 * imap_reply.c   the upstream's responses on their way back
 * imap_show.c    how those are shown, whoever asked
 * imap_open.c    the upstream's greeting, and ID behind it
 * imap_inside.c  all that on TLS, behind the greeting
 * imap_syntax.c  tags, literals, lists of capabilities
 *
 * In clear the upstream has one command at a time: the next is read when the tagged response is in.
 * Before a login there is little to pipeline, and so replies keep their order and STARTTLS meets no
 * command under way. A login is the end of the watch. */
#ifndef TLSFRONT_STARTTLS_IMAP_H
#define TLSFRONT_STARTTLS_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the client's next bytes are. */
enum imap_state {
    IMAP_OPENING,  /* not to be read yet: the upstream has not greeted, or we are asking it */
    IMAP_COMMANDS, /* lines that are commands, or their beginnings */
    IMAP_LITERAL,  /* a literal's counted bytes */
    IMAP_REST,     /* the line behind a literal, of the same command */
    IMAP_RESPONSE, /* a line that the upstream asked for with "+" */
    IMAP_WAITING,  /* not to be read yet: the upstream's answer decides what they are */
};

/* What is asked of the upstream while the client waits for the first time. */
enum imap_opening {
    IMAP_GREETING,     /* nothing: it speaks first */
    IMAP_OWN_LIST,     /* CAPABILITY, by us */
    IMAP_OWN_IDENTITY, /* ID, by us */
};

/* The command that the upstream has, as far as its answer matters. */
enum imap_asked {
    IMAP_ASKED_OTHER,
    IMAP_ASKED_CAPABILITY,
    IMAP_ASKED_LOGIN, /* or AUTHENTICATE */
    IMAP_ASKED_LOGOUT,
};

/* RFC 9051 sets no bound; clients take four to ten characters. */
enum { IMAP_TAG_MAX = 64 };

/* Commands behind which nothing is to be watched when they succeed. */
enum { IMAP_LAST_COMMANDS = 4 };

struct imap_tag {
    uint8_t text[IMAP_TAG_MAX];
    size_t size; /* 0: none */
};

struct imap_dialogue {
    enum imap_state state;
    enum imap_opening opening;
    enum imap_asked asked;
    uint8_t tag[IMAP_TAG_MAX]; /* of the command that the upstream has */
    size_t tag_size;           /* 0: it has none */
    uint64_t literal;          /* bytes to come in IMAP_LITERAL, or once the upstream says "+" */
    bool literal_waits;        /* for that "+" */
    bool literal_comes;        /* whatever the upstream says: the client does not wait */
    bool skipped;              /* the rest of a refused command, which goes nowhere */
    bool answered;             /* the command that it has was refused by something untagged */
    bool untidy;               /* so that its tagged response may come late */
    bool listed;               /* the answer to CAPABILITY has had its list */
    bool offers_id;            /* the upstream takes ID */
    bool owed;              /* its answer to a command of ours may still come, and is for nobody */
    unsigned opening_lines; /* of the upstream, while we are asking it */
    uint64_t data;          /* bytes to come of a literal in the upstream's response */
    bool data_rest;         /* and then a line of the same response */
    bool data_ours;         /* which is not for the client */
    /* On TLS: */
    struct imap_tag last[IMAP_LAST_COMMANDS]; /* the latest of them under way */
    unsigned last_next;                       /* where the next of them is kept */
    struct imap_tag asking;                   /* the latest command */
    struct imap_tag exchange;                 /* of AUTHENTICATE under way */
    bool offered;                             /* whose literal waits for "+" */
    uint64_t offered_bytes;
    bool in_response; /* the upstream's line goes on behind a literal */
};
extern const struct starttls starttls_imap;

#endif
