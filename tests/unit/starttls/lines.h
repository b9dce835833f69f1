/* lines.h - scene.h for POP3, NNTP and ManageSieve: turns of literals, and the hostile cases that
 * all three have. Define MODULE before; include it once per test program, after cmocka. */
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

static const struct talk_facts required = {.mode = TALK_REQUIRED, .hostname = "front.example"};
static const struct talk_facts optional = {.mode = TALK_OPTIONAL, .hostname = "front.example"};
static const struct talk_facts trusting = {
    .mode = TALK_OPTIONAL, .hostname = "front.example", .plaintext_login = true};
static const struct talk_facts inside = {.mode = TALK_INSIDE, .hostname = "front.example"};
static const struct talk_facts upgraded = {
    .mode = TALK_INSIDE, .hostname = "front.example", .upgraded = true};

/* By the end of a scene. */
struct outcome {
    const char *to_client, *to_upstream;
    enum talk_verdict end;
    size_t left;
};

static void scene(const char *name, struct talk_facts facts, const struct turn *turns, size_t count,
                  struct outcome o)
{
    const struct scene sc = {
        .name = name,
        .facts = facts,
        .turns = turns,
        .count = count,
        .to_client = o.to_client,
        .to_upstream = o.to_upstream,
        .end = o.end,
        .left = o.left,
    };
    scene_check(&MODULE, &sc);
}

#define SCENE(facts, turns, heard, ...)                                                            \
    scene(__func__, facts, turns, COUNT(turns), (struct outcome){.to_client = heard, __VA_ARGS__})

/* What is larger than can be cut at every place. */
static void large_scene(const char *name, const struct talk_facts *facts, const struct turn *turns,
                        size_t count, struct outcome o)
{
    const struct scene sc = {
        .name = name,
        .facts = *facts,
        .turns = turns,
        .count = count,
        .to_client = o.to_client,
        .to_upstream = o.to_upstream,
        .end = o.end,
    };
    play(&MODULE, &sc, sc.count, 0, 0, "whole");
    play(&MODULE, &sc, sc.count, 0, 4093, "in pieces");
}

/* Lines of the client's far longer than any, ended and not. */
static void long_lines(const struct talk_facts *facts, const char *before, struct outcome o)
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
        large_scene("long line", facts, turns + first, 2 - first, o);
        const struct turn open[] = {turns[0], {CLIENT, line, sizes[i]}};
        large_scene("long line without end", facts, open + first, 2 - first, o);
        free(line);
    }
}

/* An upstream that says `first` and then `again` for as long as it is listened to, which must not
 * be long. */
static void endless(const struct talk_facts *facts, const char *hello, const char *ask,
                    const char *first, const char *again, const char *heard)
{
    const struct scene sc = {.name = first, .facts = *facts, .to_client = heard, .end = TALK_CLOSE};
    struct stage st;
    size_t said = 0;
    stage_open(&st, &MODULE, &sc);
    stage_say(&st, UPSTREAM, hello, strlen(hello));
    stage_say(&st, CLIENT, ask, strlen(ask));
    stage_say(&st, UPSTREAM, first, strlen(first));
    for (; said < (1 << 20) && st.verdict == TALK_MORE; said += strlen(again))
        stage_say(&st, UPSTREAM, again, strlen(again));
    assert_true(said < 100000);
    buf_drop(&st.heard[UPSTREAM], st.heard[UPSTREAM].size);
    stage_close(&st, &sc, "endless");
}

#endif
