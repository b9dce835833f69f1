/* scene.h - plays a dialogue against a module as a session would, cut in every possible way.
 *
 * A scene is what each side says, in turn, and all that each side must have heard by the end. It is
 * played whole, byte by byte, and with every turn cut in two at every place; the outcome must
 * always be the same. Include it once per test program, after cmocka. */
#ifndef TLSFRONT_SCENE_H
#define TLSFRONT_SCENE_H

#include "tests/starttls_stage.h"

#include <stdio.h>

struct turn {
    enum side side;
    const char *text;
    size_t size; /* 0: strlen(text) */
};

/* An expectation with NULs in it gives its size; 0 means strlen. */
struct scene {
    const char *name;
    struct dialogue_facts facts;
    const struct turn *turns;
    size_t count;
    const char *to_client;
    size_t to_client_size;
    const char *to_upstream;
    size_t to_upstream_size;
    enum dialogue_verdict end; /* of the last call that was not MORE; MORE when there was none */
    size_t left;               /* of the client's bytes, not consumed at UPGRADE */
};

static void stage_say(struct stage *st, enum side side, const char *text, size_t size)
{
    if (st->verdict == DIALOGUE_UPGRADE || st->verdict == DIALOGUE_CLOSE) {
        if (side == CLIENT)
            buf_put(&st->carry[side], text, size); /* bytes behind the end are left lying */
        return;
    }
    buf_put(&st->carry[side], text, size);
    stage_run(st);
    if (st->verdict == DIALOGUE_RELAY)
        stage_relay(st);
}

static size_t turn_size(const struct turn *t)
{
    return t->size > 0 ? t->size : strlen(t->text);
}

static void expect(const struct scene *sc, const char *how, const char *what, const struct buf *got,
                   const char *wanted, size_t size)
{
    if (wanted == NULL)
        wanted = "";
    if (size == 0)
        size = strlen(wanted);
    if (got->size == size && (size == 0 || memcmp(got->data, wanted, size) == 0))
        return;
    fail_msg("%s (%s): %s got\n%.*s\nwanted\n%.*s", sc->name, how, what, (int)got->size,
             got->size > 0 ? (const char *)got->data : "", (int)size, wanted);
}

static void stage_close(struct stage *st, const struct scene *sc, const char *how)
{
    expect(sc, how, "client", &st->heard[CLIENT], sc->to_client, sc->to_client_size);
    expect(sc, how, "upstream", &st->heard[UPSTREAM], sc->to_upstream, sc->to_upstream_size);
    if (st->verdict != sc->end)
        fail_msg("%s (%s): verdict %d, wanted %d", sc->name, how, st->verdict, sc->end);
    const struct dialogue *t = &st->dialogue;
    const bool blames = t->reason == DIALOGUE_PROTOCOL_ERROR || t->reason == DIALOGUE_REFUSED;
    if (sc->end == DIALOGUE_CLOSE && blames && t->words_size == 0)
        fail_msg("%s (%s): the upstream is blamed, and not for its words", sc->name, how);
    if (sc->end == DIALOGUE_UPGRADE && st->carry[CLIENT].size != sc->left)
        fail_msg("%s (%s): %zu bytes left, wanted %zu", sc->name, how, st->carry[CLIENT].size,
                 sc->left);
    stage_free(st);
}

/* Play with turn `cut` (count: none) given in two pieces, the first of `at` bytes; `step` bytes at
 * a time otherwise (0: whole turns). */
static inline void play(const struct starttls *module, const struct scene *sc, size_t cut,
                        size_t at, size_t step, const char *how)
{
    struct stage st;
    stage_open(&st, module, &sc->facts);
    for (size_t i = 0; i < sc->count; i++) {
        const struct turn *t = &sc->turns[i];
        const size_t size = turn_size(t);
        for (size_t done = 0; done < size;) {
            size_t n = step > 0 ? step : size;
            if (i == cut)
                n = done < at ? at - done : size - done;
            n = n < size - done ? n : size - done;
            stage_say(&st, t->side, t->text + done, n);
            done += n;
        }
    }
    stage_close(&st, sc, how);
}

static inline void scene_check(const struct starttls *module, const struct scene *sc)
{
    play(module, sc, sc->count, 0, 0, "whole");
    play(module, sc, sc->count, 0, 1, "byte by byte");
    for (size_t i = 0; i < sc->count; i++)
        for (size_t at = 1; at < turn_size(&sc->turns[i]); at++)
            play(module, sc, i, at, 0, "cut in two");
}

#endif
