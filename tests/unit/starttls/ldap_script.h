/* ldap_script.h - LDAP messages put together from parts, and scenes put together from messages. The
 * encoder is not the one under test. Include it once per test program, after cmocka. */
#ifndef TLSFRONT_LDAP_SCRIPT_H
#define TLSFRONT_LDAP_SCRIPT_H

#include "proxy/starttls/ldap.h"
#include "scene.h"

#define STARTTLS_OID "1.3.6.1.4.1.1466.20037"
#define NOTICE_OID   "1.3.6.1.4.1.1466.20036"

/* Bytes in the arena, which check() empties. */
struct text {
    const char *data;
    size_t size;
};

static char arena[64 << 20];
static size_t arena_used;

static char *arena_take(size_t size)
{
    assert_true(size <= sizeof arena - arena_used);
    arena_used += size;
    return arena + arena_used - size;
}

static struct text join(const struct text *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    char *at = arena_take(size);
    const struct text all = {at, size};
    for (size_t i = 0; i < count; at += parts[i++].size)
        if (parts[i].size > 0)
            memcpy(at, parts[i].data, parts[i].size);
    return all;
}

static struct text header(int tag, size_t size)
{
    char *at = arena_take(5);
    at[0] = (char)tag;
    at[1] = (char)(size < 0x80 ? size : size < 0x100 ? 0x81 : size < 0x10000 ? 0x82 : 0x83);
    const size_t octets = size < 0x80 ? 0 : (size_t)(at[1] & 0x7f);
    for (size_t i = 0; i < octets; i++)
        at[2 + i] = (char)(size >> 8 * (octets - 1 - i));
    return (struct text){at, 2 + octets};
}

static struct text element(int tag, const struct text *parts, size_t count)
{
    const struct text contents = join(parts, count);
    return join((struct text[]){header(tag, contents.size), contents}, 2);
}

#define PARTS(...)                                                                                 \
    (struct text[]){__VA_ARGS__}, sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text)
#define JOIN(...)    join(PARTS(__VA_ARGS__))
#define T(tag, ...)  element(tag, PARTS(__VA_ARGS__))
#define RAW(literal) ((struct text){literal, sizeof(literal) - 1})
#define NONE         ((struct text){NULL, 0})

static inline struct text repeated(char c, size_t size)
{
    char *at = arena_take(size);
    memset(at, c, size);
    return (struct text){at, size};
}

static inline struct text filled(size_t size)
{
    return repeated('x', size);
}

static struct text str(int tag, const char *text)
{
    return element(tag, &(struct text){text, strlen(text)}, 1);
}

/* 0 to 32767. */
static struct text num(int tag, int value)
{
    char *at = arena_take(2);
    at[0] = (char)(value >> 8);
    at[1] = (char)value;
    const size_t skip = value < 0x80 ? 1 : 0;
    return element(tag, &(struct text){at + skip, 2 - skip}, 1);
}

#define MESSAGE(id, op, ...) T(0x30, num(2, id), T(op, __VA_ARGS__))

/* ---- requests ---- */

static inline struct text starttls(int id)
{
    return MESSAGE(id, 0x77, str(0x80, STARTTLS_OID));
}

static inline struct text simple_bind(int id, const char *name, const char *password)
{
    return MESSAGE(id, 0x60, num(2, 3), str(4, name), str(0x80, password));
}

static inline struct text sasl_bind(int id, const char *mechanism, const char *credentials)
{
    return MESSAGE(id, 0x60, num(2, 3), str(4, ""),
                   T(0xa3, str(4, mechanism), str(4, credentials)));
}

static inline struct text search(int id, const char *base, int scope, int types, struct text filter,
                                 struct text list)
{
    return MESSAGE(id, 0x63, str(4, base), num(10, scope), num(10, 0), num(2, 0), num(2, 0),
                   types != 0 ? RAW("\x01\x01\xff") : RAW("\x01\x01\x00"), filter, T(0x30, list));
}

static struct text any(void)
{
    return str(0x87, "objectClass");
}

static inline struct text root_search(int id, const char *attribute)
{
    return search(id, "", 0, 0, any(), attribute != NULL ? str(4, attribute) : NONE);
}

/* Of attributes. */
static inline struct text add(int id, struct text list)
{
    return MESSAGE(id, 0x68, str(4, "dc=x"), T(0x30, list));
}

/* Of changes. */
static inline struct text modify(int id, struct text list)
{
    return MESSAGE(id, 0x66, str(4, "dc=x"), T(0x30, list));
}

static inline struct text replace(struct text attribute)
{
    return T(0x30, num(10, 2), attribute);
}

static inline struct text compare(int id, const char *type, struct text value)
{
    return MESSAGE(id, 0x6e, str(4, "dc=x"), T(0x30, str(4, type), value));
}

/* ---- responses ---- */

static inline struct text result(int id, int op, int code, const char *words)
{
    return MESSAGE(id, op, num(10, code), str(4, ""), str(4, words));
}

static inline struct text starttls_result(int id, int code, const char *words)
{
    return MESSAGE(id, 0x78, num(10, code), str(4, ""), str(4, words), str(0x8a, STARTTLS_OID));
}

static inline struct text notice(int code, const char *words)
{
    return MESSAGE(0, 0x78, num(10, code), str(4, ""), str(4, words), str(0x8a, NOTICE_OID));
}

static inline struct text no_ldap(void)
{
    return notice(2, "Not an LDAP message");
}

static inline struct text tls_required(int id, int op)
{
    return result(id, op, 13, "TLS is required, send StartTLS first");
}

static inline struct text attribute(const char *name, struct text values)
{
    return T(0x30, str(4, name), T(0x31, values));
}

static inline struct text root_entry(int id, struct text attributes)
{
    return MESSAGE(id, 0x64, str(4, ""), T(0x30, attributes));
}

/* ---- scenes ---- */

static const struct dialogue_facts required = {.mode = DIALOGUE_REQUIRED},
                                   optional = {.mode = DIALOGUE_OPTIONAL},
                                   allowing = {.mode = DIALOGUE_OPTIONAL, .plaintext_login = true},
                                   inside = {.mode = DIALOGUE_INSIDE};

static struct turn turns[192];
static struct scene script;
static struct text heard[2];

static void begin(struct dialogue_facts facts)
{
    script = (struct scene){.facts = facts, .turns = turns};
    heard[CLIENT] = heard[UPSTREAM] = NONE;
}

static void say(enum side side, struct text text)
{
    assert_true(script.count < sizeof turns / sizeof *turns && text.size > 0);
    turns[script.count++] = (struct turn){side, text.data, text.size};
}

static void hear(enum side side, struct text text)
{
    heard[side] = JOIN(heard[side], text);
}

/* One side says it, the other hears it. */
static inline void through(enum side side, struct text text)
{
    say(side, text);
    hear(!side, text);
}

static void finish(const char *name, enum dialogue_verdict end, size_t left)
{
    script.name = name;
    script.to_client = heard[CLIENT].data;
    script.to_client_size = heard[CLIENT].size;
    script.to_upstream = heard[UPSTREAM].data;
    script.to_upstream_size = heard[UPSTREAM].size;
    script.end = end;
    script.left = left;
}

/* Play it in every way. */
static inline void check(const char *name, enum dialogue_verdict end, size_t left)
{
    finish(name, end, left);
    scene_check(&starttls_ldap, &script);
    arena_used = 0;
}

/* The same for dialogues that are too large for that. */
static inline void check_large(const char *name, enum dialogue_verdict end)
{
    static const size_t cuts[] = {1, 2, 5, 40, 95, 96, 97, 4096, 65535, 65536};
    finish(name, end, 0);
    play(&starttls_ldap, &script, script.count, 0, 0, "whole");
    play(&starttls_ldap, &script, script.count, 0, 4093, "in pieces");
    for (size_t i = 0; i < script.count; i++)
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++)
            if (cuts[k] < turns[i].size)
                play(&starttls_ldap, &script, i, cuts[k], 0, "cut in two");
    arena_used = 0;
}

#endif
