/* fuzz_starttls_transparent.c - on TLS any server and any client hear through a module what they
 * would hear without it, less the named edits, and nobody waits for bytes that were said; however
 * they are cut.
 *
 * The first byte of the input chooses the protocol, then turns follow: a byte with the side in its
 * top bit and the size in the others (0: all that is left), then that many bytes. */
#include "tests/starttls_transparent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play(const struct transparent *p, struct transparent_play *play, const uint8_t *data,
                 size_t size, size_t step)
{
    transparent_open(p, play);
    for (size_t at = 1; at < size;) {
        const enum side side = data[at] & 0x80 ? UPSTREAM : CLIENT;
        size_t n = data[at++] & 0x7f;
        if (n == 0 || n > size - at)
            n = size - at;
        for (size_t done = 0; done < n;) {
            const size_t piece = step < n - done ? step : n - done;
            transparent_say(p, play, side, data + at + done, piece);
            done += piece;
        }
        at += n;
    }
    transparent_end(p, play);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transparent_play whole, bytes;
    if (size == 0)
        return 0;
    const struct transparent *p = &transparents[data[0] % TRANSPARENTS];
    play(p, &whole, data, size, SIZE_MAX);
    play(p, &bytes, data, size, 1);
    for (int side = CLIENT; side <= UPSTREAM && whole.stage.verdict != DIALOGUE_CLOSE; side++)
        assert_same_buf(&whole.stage.heard[side], &bytes.stage.heard[side]);
    transparent_free(&whole);
    transparent_free(&bytes);
    return 0;
}
