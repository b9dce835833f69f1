#include "proxy/wire/challenge.h"
#include "proxy/base/fnv.h"
#include "proxy/base/slice.h"

#include <string.h>

/* ---- names ---- */

bool challenge_token_valid(const char *token, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = token[i];
        if (!byte_is_alphanumeric((uint8_t)c) && c != '-' && c != '_')
            return false;
    }
    return size >= 1 && size <= CHALLENGE_TOKEN_MAX;
}

/* A host name; neither hidden files nor a way up. */
static bool host_valid(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = name[i];
        const bool sign = c == '-' || c == '_' || (c == '.' && i > 0 && name[i - 1] != '.');
        if (!sign && !byte_is_digit((uint8_t)c) && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return size >= 1 && name[size - 1] != '.';
}

bool challenge_name(enum challenge_kind kind, const char *name, char out[CHALLENGE_NAME_MAX + 1])
{
    const size_t size = strlen(name);
    if (size > CHALLENGE_NAME_MAX)
        return false;
    for (size_t i = 0; i <= size; i++) {
        const bool upper = kind == CHALLENGE_TLS && name[i] >= 'A' && name[i] <= 'Z';
        out[i] = upper ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    return kind == CHALLENGE_TLS ? host_valid(out, size) : challenge_token_valid(out, size);
}

uint64_t challenge_hash(unsigned slot, const char *name)
{
    return fnv1a((FNV_BASIS ^ slot) * FNV_PRIME, name, strlen(name));
}

bool challenge_is_ours(enum challenge_outcome outcome)
{
    return outcome != CHALLENGE_NONE && outcome != CHALLENGE_BAD_NAME;
}

const char *challenge_words(enum challenge_outcome outcome)
{
    static const char *const words[CHALLENGE_OUTCOMES] = {
        [CHALLENGE_FOUND] = "answered",
        [CHALLENGE_NONE] = "not found",
        [CHALLENGE_BAD_NAME] = "not a name to be looked for",
        [CHALLENGE_UNFIT] = "the file is a link, or not a regular file",
        [CHALLENGE_TOO_LARGE] = "the file is empty, or larger than 8 KiB",
        [CHALLENGE_UNREADABLE] = "the file cannot be read",
        [CHALLENGE_PRIVATE] = "the file is not readable for everybody",
        [CHALLENGE_FOREIGN] = "the file does not belong to the directory's owner",
        [CHALLENGE_NO_DIRECTORY] =
            "the directory is not there, or no longer the one that was configured",
        [CHALLENGE_CROWDED] = "not looked for, as too many ask for what is not known to be there",
    };
    return words[outcome];
}
