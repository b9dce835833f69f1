/* install.c - `tlsfront key install`: the authority's answer, put in place. */
#include "proxy/key/binding.h"
#include "proxy/key/judge.h"
#include "proxy/key/public.h"
#include "proxy/key/tlsa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The keys that an answer may be for, in the order in which they are tried. */
enum owner { OWNER_NEXT, OWNER_PRESENT, OWNER_PREVIOUS, OWNERS };

struct install {
    struct key_job *job;
    struct keystore_entry entry, previous;
    struct keys_pool *pool;
    struct keys_private *key;
    enum owner owner;
    struct keys_request *request; /* NULL: none that this is the answer to */
};

static const struct keystore_entry *entry_of(const struct install *in, enum owner owner)
{
    return owner == OWNER_PREVIOUS ? &in->previous : &in->entry;
}

static enum keystore_file place_of(enum owner owner)
{
    return owner == OWNER_NEXT ? KEYSTORE_NEXT_KEY : KEYSTORE_KEY;
}

static const struct file_bytes *key_file(const struct install *in, enum owner owner)
{
    return &entry_of(in, owner)->file[place_of(owner)];
}

static char *key_path(const struct install *in, enum owner owner)
{
    const struct key_job *j = in->job;
    char previous[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(j->o->name, previous);
    return keystore_path(&j->store, owner == OWNER_PREVIOUS ? previous : j->o->name,
                         place_of(owner));
}

/* ---- the answer ---- */

static bool read_answer(struct install *in)
{
    struct key_job *j = in->job;
    for (size_t i = 0; i < j->o->file_count; i++) {
        struct file_bytes file;
        struct err e;
        if (!key_read_file(j, j->o->files[i], &file))
            return false;
        bool good = keys_pool_add(in->pool, key_slice(&file), j->o->files[i], &e) == 0;
        file_bytes_free(&file);
        if (!good) {
            key_fail(
                j,
                err_cure_or(&e,
                            "give the files as the authority sent them: PEM, DER or PKCS#7 (.p7b)"),
                "%s", e.text);
            return false;
        }
    }
    return true;
}

/* Which certificates there are instead of ours. */
static void explain_no_match(struct install *in)
{
    struct key_job *j = in->job;
    struct keys_certificate c;
    char seen[1024] = "";
    size_t used = 0;
    for (size_t i = 0; i < keys_pool_count(in->pool) && used < sizeof seen; i++) {
        keys_pool_show(in->pool, i, &c);
        used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%s (%s%s)", i > 0 ? "; " : "",
                                 c.subject, c.key, c.authority ? ", an authority" : "");
    }
    key_fail(j,
             "send the request of this name to the authority and install its answer to that; a "
             "certificate whose key was made elsewhere is taken in with `tlsfront key import`",
             "none of the certificates belongs to the private key of %s. There are: %s", j->o->name,
             seen);
}

enum match { MATCH_NONE, MATCH_SURE, MATCH_CLOSED };

/* Without opening it: one that is of no use here may be under a passphrase that nobody has. */
static enum match look_at_key(const struct install *in, enum owner owner)
{
    char digest[TLS_DIGEST_TEXT];
    if (key_file(in, owner)->data == NULL)
        return MATCH_NONE;
    if (!key_public_digest(entry_of(in, owner), place_of(owner), digest))
        return MATCH_CLOSED;
    return keys_pool_has_digest(in->pool, digest) ? MATCH_SURE : MATCH_NONE;
}

/* False: it cannot be opened, and a finding says why. in->key NULL: it is another's. */
static bool take_key(struct install *in, enum owner owner)
{
    char *path = key_path(in, owner);
    struct keys_private *key = key_open(in->job, key_file(in, owner), path);
    free(path);
    if (key == NULL)
        return false;
    if (keys_pool_has(in->pool, key)) {
        in->key = key;
        in->owner = owner;
    } else {
        keys_private_free(key);
    }
    return true;
}

/* Those first that are known to fit. */
static bool find_key(struct install *in)
{
    for (enum match m = MATCH_SURE; m <= MATCH_CLOSED; m++)
        for (enum owner o = 0; o < OWNERS && in->key == NULL; o++)
            if (look_at_key(in, o) == m && !take_key(in, o))
                return false;
    if (in->key == NULL)
        explain_no_match(in);
    return in->key != NULL;
}

static void find_request(struct install *in)
{
    const struct file_bytes *file = &in->entry.file[KEYSTORE_REQUEST];
    struct err ignored;
    if (file->data != NULL && keys_request_fits(key_slice(file), in->key))
        in->request = keys_request_read(key_slice(file), "request.csr", &ignored);
}

/* ---- in place ---- */

static int finish(struct install *in, const struct keystore_entry *made)
{
    struct key_job *j = in->job;
    struct err e;
    if (keystore_write(&j->store, j->o->name, made,
                       in->owner == OWNER_NEXT ? KEYSTORE_KEEP_KEY : KEYSTORE_KEEP_PAIR, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    key_warn_new_key(j, key_slice(&in->entry.file[KEYSTORE_CHAIN]),
                     key_slice(&made->file[KEYSTORE_CHAIN]));
    char *path = keystore_path(&j->store, j->o->name, KEYSTORE_CHAIN);
    key_say(j, "name", j->o->name);
    key_say(j, "installed", path);
    key_say_chain(j, key_slice(&made->file[KEYSTORE_CHAIN]));
    free(path);
    key_note_block(j);
    return key_commit(j);
}

static struct file_bytes text_file(char *text)
{
    return (struct file_bytes){(uint8_t *)text, strlen(text), 0};
}

/* A request that is still without its answer stays, with its key. Of two keys that waited the older
 * one, whose request is gone, is kept as the previous one is. */
static int put_in_place(struct install *in, char *chain)
{
    const struct file_bytes nothing = {0}, *key = key_file(in, in->owner);
    struct keystore_entry made = {.exists = true};
    char *sealed = NULL;
    made.file[KEYSTORE_KEY] = *key;
    made.file[KEYSTORE_CHAIN] = text_file(chain);
    if (in->request == NULL)
        made.file[KEYSTORE_REQUEST] = in->entry.file[KEYSTORE_REQUEST];
    made.file[KEYSTORE_NEXT_KEY] =
        in->owner != OWNER_NEXT ? in->entry.file[KEYSTORE_NEXT_KEY] : nothing;
    if (in->owner == OWNER_PREVIOUS)
        key_leave_waiting(&in->entry, NULL, &made);
    if (!key_is_sealed_right(in->job, key)) {
        sealed = key_seal(in->job, in->key);
        if (sealed == NULL)
            return EXIT_RUNTIME;
        made.file[KEYSTORE_KEY] = text_file(sealed);
    }
    int status = finish(in, &made);
    keys_free_text(sealed);
    return status;
}

static int install(struct install *in)
{
    struct key_job *j = in->job;
    struct err e;
    if (!in->entry.exists)
        return key_fail(j,
                        "make the key and its request first: tlsfront key new NAME; or take in a "
                        "pair that was made elsewhere: tlsfront key import NAME FILE...",
                        "there is no key %s in %s", j->o->name, j->state);
    in->pool = keys_pool_new(&e);
    if (in->pool == NULL)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    if (!read_answer(in) || !find_key(in))
        return EXIT_RUNTIME;
    find_request(in);
    char *chain = key_judge_chain(j, in->pool, in->key, "its key", in->request);
    int status = chain != NULL ? put_in_place(in, chain) : EXIT_RUNTIME;
    keys_free_text(chain);
    return status;
}

/* ---- back ---- */

/* What waits for an answer stays in place; with its key, which may be that of the pair that goes.
 */
static int leave_key(struct key_job *j, const struct keystore_entry *before)
{
    struct keystore_entry made = *before;
    struct err e;
    key_leave_waiting(before, NULL, &made);
    if (made.file[KEYSTORE_NEXT_KEY].data == before->file[KEYSTORE_NEXT_KEY].data ||
        keystore_write(&j->store, j->o->name, &made, KEYSTORE_KEEP_NOTHING, &e) == 0)
        return 0;
    return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
}

static void say_rolled_back(struct key_job *j, const struct keystore_entry *before,
                            const struct keystore_entry *after)
{
    const struct tls_slice chain = key_slice(&after->file[KEYSTORE_CHAIN]);
    key_say_chain(j, chain);
    key_warn_new_key(j, key_slice(&before->file[KEYSTORE_CHAIN]), chain);
}

/* The other way round: the key that waits is back in its place, and needs none beside it. */
static int take_key_back(struct key_job *j, const struct keystore_entry *after)
{
    struct keystore_entry made = *after;
    struct err e;
    char waits[TLS_DIGEST_TEXT], present[TLS_DIGEST_TEXT];
    made.file[KEYSTORE_NEXT_KEY] = (struct file_bytes){0};
    if (!key_public_digest(after, KEYSTORE_NEXT_KEY, waits) ||
        !key_public_digest(after, KEYSTORE_KEY, present) || strcmp(waits, present) != 0 ||
        keystore_write(&j->store, j->o->name, &made, KEYSTORE_KEEP_NOTHING, &e) == 0)
        return 0;
    return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
}

static int exchange(struct key_job *j, const struct keystore_entry *before)
{
    struct keystore_entry after;
    struct err e;
    if (keystore_rollback(&j->store, j->o->name, &e) != 0 ||
        keystore_read(&j->store, j->o->name, &after, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    key_say(j, "name", j->o->name);
    say_rolled_back(j, before, &after);
    const int status = take_key_back(j, &after);
    keystore_entry_free(&after);
    return status == 0 ? key_commit(j) : status;
}

static int roll_back(struct key_job *j, const struct keystore_entry *before,
                     const struct keystore_entry *previous)
{
    /* What is not there, the store names. */
    if (keystore_has(previous, KEYSTORE_CHAIN)) {
        if (!key_judge_previous(j, previous))
            return EXIT_RUNTIME;
        const int status = leave_key(j, before);
        if (status != 0)
            return status;
    }
    return exchange(j, before);
}

/* Into `in`, as far as it is there. */
static int read_store(struct install *in)
{
    struct key_job *j = in->job;
    struct err e;
    if (keystore_read(&j->store, j->o->name, &in->entry, &e) != 0 ||
        keystore_read_previous(&j->store, j->o->name, &in->previous, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return 0;
}

static void free_install(struct install *in)
{
    keys_request_free(in->request);
    keys_private_free(in->key);
    keys_pool_free(in->pool);
    keystore_entry_free(&in->entry);
    keystore_entry_free(&in->previous);
}

int key_rollback(struct key_job *j)
{
    struct install in = {.job = j};
    int status = read_store(&in);
    if (status == 0)
        status = roll_back(j, &in.entry, &in.previous);
    free_install(&in);
    return status;
}

int key_install(struct key_job *j)
{
    struct install in = {.job = j};
    if (j->o->rollback)
        return key_rollback(j);
    int status = read_store(&in);
    if (status == 0)
        status = install(&in);
    free_install(&in);
    return status;
}
