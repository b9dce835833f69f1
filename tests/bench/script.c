#include "tests/bench/script.h"

#include "tests/bench/pattern.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 65536 };

#define SAYS(by, text)                                                                             \
    {                                                                                              \
        (by), (const uint8_t *)(text), sizeof(text) - 1, 1                                         \
    }
#define SERVER(text) SAYS(false, text)
#define CLIENT(text) SAYS(true, text)

/* The part with times 0 is repeated until there are bytes enough; what it says, fill_block() knows.
 */
#define SERVERS_BLOCK                                                                              \
    {                                                                                              \
        false, NULL, 0, 0                                                                          \
    }
#define CLIENTS_BLOCK                                                                              \
    {                                                                                              \
        true, NULL, 0, 0                                                                           \
    }

/* RFC 4511, 4.2 and 4.5: a search of everything below dc=x, its end, an entry of it, and what comes
 * before. */
#define LDAP_SEARCH                                                                                \
    "\x30\x29\x02\x01\x02\x63\x24\x04\x04"                                                         \
    "dc=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0b"                     \
    "objectClass\x30\x00"
#define LDAP_DONE "\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
#define LDAP_ENTRY                                                                                 \
    "0i\x02\x01\x02"                                                                               \
    "dd\x04#uid=bob,ou=people,dc=example,dc=org0=0\x0c\x04\x03uid1\x05\x04\x03"                    \
    "bob0\x12\x04\x02"                                                                             \
    "cn1\x0c\x04\x0aRobert Roe0\x19\x04\x04mail1\x11\x04\x0f"                                      \
    "bob@example.org"
#define LDAP_BIND "0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\x00\x80\x00"
#define LDAP_BOUND                                                                                 \
    "0\x0c\x02\x01\x01"                                                                            \
    "a\x07\x0a\x01\x00\x04\x00\x04\x00"

static const struct script scripts[] = {
    {"smtp-72",
     5,
     8,
     {SERVER("220 b ESMTP\r\n"), CLIENT("EHLO c\r\n"), SERVER("250 b\r\n"), CLIENT("DATA\r\n"),
      SERVER("354 go on\r\n"), CLIENTS_BLOCK, CLIENT(".\r\n"), SERVER("250 taken\r\n")}},
    {"smtp-3",
     5,
     8,
     {SERVER("220 b ESMTP\r\n"), CLIENT("EHLO c\r\n"), SERVER("250 b\r\n"), CLIENT("DATA\r\n"),
      SERVER("354 go on\r\n"), CLIENTS_BLOCK, CLIENT(".\r\n"), SERVER("250 taken\r\n")}},
    {"imap-fetch",
     3,
     6,
     {SERVER("* OK ready\r\n"), CLIENT("a LOGIN u p\r\n"), SERVER("a OK in\r\n"),
      CLIENT("b FETCH 1:* BODY[]\r\n"), SERVERS_BLOCK, SERVER("b OK done\r\n")}},
    {"ldap-search",
     2,
     5,
     {CLIENT(LDAP_BIND), SERVER(LDAP_BOUND), CLIENT(LDAP_SEARCH), SERVERS_BLOCK,
      SERVER(LDAP_DONE)}},
};

/* As many whole ones as there is room for; returns their bytes. */
static size_t repeat(uint8_t *block, const void *one, size_t size)
{
    size_t used = 0;
    for (; used + size <= BLOCK; used += size)
        memcpy(block + used, one, size);
    return used;
}

static size_t fill_block(uint8_t *block, const char *name)
{
    char one[4096];
    if (strcmp(name, "ldap-search") == 0)
        return repeat(block, LDAP_ENTRY, sizeof(LDAP_ENTRY) - 1);
    if (strcmp(name, "smtp-3") == 0)
        return repeat(block, "x\r\n", 3);
    if (strcmp(name, "smtp-72") == 0)
        return repeat(block, one, (size_t)snprintf(one, sizeof(one), "%070d\r\n", 0));
    return repeat(
        block, one,
        (size_t)snprintf(one, sizeof(one), "* 7 FETCH (BODY[] {2000}\r\n%01998d\r\n)\r\n", 0));
}

struct script script_of(const char *name, uint64_t bytes)
{
    static uint8_t block[BLOCK];
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (strcmp(scripts[i].name, name) != 0)
            continue;
        struct script s = scripts[i];
        for (unsigned p = 0; p < s.count; p++) {
            struct script_part *part = &s.parts[p];
            if (part->times > 0)
                continue;
            part->bytes = block;
            part->size = fill_block(block, name);
            part->times = bytes / part->size + 1;
        }
        return s;
    }
    die("no script is named %s", name);
}
