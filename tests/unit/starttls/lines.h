/* lines.h - scene.h for the protocols of lines: turns of literals, and the hostile cases that they
 * have in common. Define MODULE before, and include its header; include this once per test program,
 * after cmocka. */
#ifndef TLSFRONT_TEST_LINES_H
#define TLSFRONT_TEST_LINES_H

#include "scene.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A turn of a string literal, which may hold NULs. */
#define C(text)                                                                                    \
    {                                                                                              \
        CLIENT, (text), sizeof(text) - 1                                                           \
    }
#define U(text)                                                                                    \
    {                                                                                              \
        UPSTREAM, (text), sizeof(text) - 1                                                         \
    }

static const struct dialogue_facts required = {.mode = DIALOGUE_REQUIRED,
                                               .hostname = "front.example"};
static const struct dialogue_facts optional = {.mode = DIALOGUE_OPTIONAL,
                                               .hostname = "front.example"};
static const struct dialogue_facts trusting = {
    .mode = DIALOGUE_OPTIONAL, .hostname = "front.example", .plaintext_login = true};
static const struct dialogue_facts inside = {.mode = DIALOGUE_INSIDE, .hostname = "front.example"};
static const struct dialogue_facts upgraded = {
    .mode = DIALOGUE_INSIDE, .hostname = "front.example", .upgraded = true};

/* By the end of a scene. */
struct outcome {
    const char *to_client, *to_upstream;
    enum dialogue_verdict end;
    size_t left;
};

static inline struct scene scene_of(const char *name, struct dialogue_facts facts,
                                    const struct turn *turns, size_t count, struct outcome o)
{
    return (struct scene){
        .name = name,
        .facts = facts,
        .turns = turns,
        .count = count,
        .to_client = o.to_client,
        .to_upstream = o.to_upstream,
        .end = o.end,
        .left = o.left,
    };
}

static inline void scene(const char *name, struct dialogue_facts facts, const struct turn *turns,
                         size_t count, struct outcome o)
{
    const struct scene sc = scene_of(name, facts, turns, count, o);
    scene_check(&MODULE, &sc);
}

/* The same, for turns that are too long to be cut at every place. */
static inline void large_scene(const char *name, struct dialogue_facts facts,
                               const struct turn *turns, size_t count, struct outcome o)
{
    const struct scene sc = scene_of(name, facts, turns, count, o);
    play(&MODULE, &sc, sc.count, 0, 0, "whole");
    play(&MODULE, &sc, sc.count, 0, 4093, "in pieces");
    play(&MODULE, &sc, sc.count, 0, 1000, "in small pieces");
}

#define SCENE(facts, turns, heard, ...)                                                            \
    scene(__func__, facts, turns, COUNT(turns), (struct outcome){.to_client = heard, __VA_ARGS__})
#define LARGE_SCENE(facts, turns, heard, ...)                                                      \
    large_scene(__func__, facts, turns, COUNT(turns),                                              \
                (struct outcome){.to_client = heard, __VA_ARGS__})

/* `n` times `text`. */
static inline char *many(const char *text, int n)
{
    char *all = calloc((size_t)n, strlen(text) + 1);
    assert_non_null(all);
    while (n-- > 0)
        strcat(all, text);
    return all;
}

/* Everything that stands in `a` and `b`, in turn. */
static inline char *join(const char *a, const char *b)
{
    char *text = malloc(strlen(a) + strlen(b) + 1);
    assert_non_null(text);
    strcpy(text, a);
    return strcat(text, b);
}

/* Lines of the client's far longer than any, ended and not. */
static inline void long_lines(const struct dialogue_facts *facts, const char *before,
                              struct outcome o)
{
    const size_t sizes[] = {65536, 1 << 20};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char *line = malloc(sizes[i] + 3);
        assert_non_null(line);
        memset(line, 'x', sizes[i]);
        memcpy(line + sizes[i], "\r\n", 3);
        const struct turn turns[] = {{UPSTREAM, before, strlen(before)},
                                     {CLIENT, line, sizes[i] + 2}};
        const size_t first = before[0] == '\0';
        large_scene("long line", *facts, turns + first, 2 - first, o);
        const struct turn open[] = {turns[0], {CLIENT, line, sizes[i]}};
        large_scene("long line without end", *facts, open + first, 2 - first, o);
        free(line);
    }
}

/* The upstream has enough of a login's long line, `begun` and much more, before it ends, and
 * refuses. What is left of the line is no command: the answer to the one behind it is the next. */
static inline void refused_in_the_middle(const char *hello, const char *begun, const char *refusal,
                                         const char *command, const char *list, const char *shown)
{
    char *tail = many("A", 13000), *login = join(begun, tail), *rest = join("AAAA\r\n", command);
    char *greeted = join(hello, refusal), *heard = join(greeted, shown), *said = join(login, rest);
    const struct turn turns[] = {{UPSTREAM, hello, 0},
                                 {CLIENT, login, 0},
                                 {UPSTREAM, refusal, 0},
                                 {CLIENT, rest, 0},
                                 {UPSTREAM, list, 0}};
    large_scene(begun, inside, turns, COUNT(turns),
                (struct outcome){.to_client = heard, .to_upstream = said});
    char *const all[] = {tail, login, rest, greeted, heard, said};
    for (size_t i = 0; i < COUNT(all); i++)
        free(all[i]);
}

static inline unsigned refused_logins(const struct dialogue_facts *facts, const char *hello,
                                      const char *said)
{
    struct stage st;
    stage_open(&st, &MODULE, facts);
    if (facts->mode != DIALOGUE_REQUIRED)
        stage_say(&st, UPSTREAM, hello, strlen(hello));
    stage_say(&st, CLIENT, said, strlen(said));
    const unsigned count = st.dialogue.login_count;
    stage_free(&st);
    return count;
}

/* What asks how to log in, or says nothing, counts for none; `login` for one. */
static inline void alone_is_no_login(const char *hello, const char *alone, const char *login)
{
    const struct dialogue_facts facts[] = {required, optional};
    for (size_t i = 0; i < COUNT(facts); i++) {
        assert_int_equal(refused_logins(&facts[i], hello, alone), 0);
        assert_int_equal(refused_logins(&facts[i], hello, login), 1);
    }
}

/* An upstream that says `first` and then `again` for as long as it is listened to, which must not
 * be long. */
static inline void endless(const struct dialogue_facts *facts, const char *hello, const char *ask,
                           const char *first, const char *again, const char *heard)
{
    const struct scene sc = {
        .name = first, .facts = *facts, .to_client = heard, .end = DIALOGUE_CLOSE};
    struct stage st;
    char block[512];
    const size_t size = strlen(again), n = sizeof block / size * size;
    for (size_t at = 0; at < n; at++)
        block[at] = again[at % size];
    size_t said = 0;
    stage_open(&st, &MODULE, facts);
    stage_say(&st, UPSTREAM, hello, strlen(hello));
    stage_say(&st, CLIENT, ask, strlen(ask));
    stage_say(&st, UPSTREAM, first, strlen(first));
    for (; said < (1 << 20) && st.verdict == DIALOGUE_MORE; said += n)
        stage_say(&st, UPSTREAM, block, n);
    assert_true(said < 100000);
    buf_drop(&st.heard[UPSTREAM], st.heard[UPSTREAM].size);
    stage_close(&st, &sc, "endless");
}

/* More commands at once than are remembered, each with its reply. The upstream greets with `hello`,
 * of which the client sees `shown`. */
static inline void long_pipeline(struct dialogue_facts facts, const char *hello, const char *shown,
                                 const char *command, const char *reply)
{
    char *said = many(command, 4 * ASKED_MAX), *all = many(reply, 4 * ASKED_MAX);
    char *some = many(reply, ASKED_MAX), *heard = join(shown, all);
    const struct turn replies = {UPSTREAM, some, 0};
    const struct turn turns[] = {
        {UPSTREAM, hello, 0}, {CLIENT, said, 0}, replies, replies, replies, replies};
    SCENE(facts, turns, heard, .to_upstream = said);
    free(said);
    free(all);
    free(some);
    free(heard);
}

/* The answer to `ask`: `first`, thousands of lines of which every other is the upgrade, `last`. */
static inline void long_list(const char *hello, const char *ask, const char *first,
                             const char *upgrade, const char *last)
{
    struct buf list, heard;
    buf_init(&list, 1 << 20);
    buf_init(&heard, 1 << 20);
    buf_puts(&list, first);
    buf_printf(&heard, "%s%s", hello, first);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&list, "%s\"X%d\"\r\n", upgrade, i);
        buf_printf(&heard, "\"X%d\"\r\n", i);
    }
    buf_puts(&list, last);
    buf_printf(&heard, "%s%s", upgrade, last);
    buf_put(&heard, "", 1);
    const struct turn turns[] = {{UPSTREAM, hello, strlen(hello)},
                                 {CLIENT, ask, strlen(ask)},
                                 {UPSTREAM, (const char *)list.data, list.size}};
    LARGE_SCENE(optional, turns, (const char *)heard.data, .to_upstream = ask);
    buf_free(&list);
    buf_free(&heard);
}

#endif
