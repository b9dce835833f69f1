/* remove.c - `tlsfront key remove`. */
#include "proxy/key/binding.h"

/* Only what waits for an answer. */
static int drop_request(struct key_job *j, struct keystore_entry *entry)
{
    struct err e;
    if (!keystore_has(entry, KEYSTORE_REQUEST) && !keystore_has(entry, KEYSTORE_NEXT_KEY))
        return key_fail(j, NULL, "%s has no request that waits", j->o->name);
    if (!keystore_has(entry, KEYSTORE_CHAIN))
        return key_fail(j, "remove the whole: tlsfront key remove NAME",
                        "%s has nothing but its request", j->o->name);
    file_bytes_free(&entry->file[KEYSTORE_REQUEST]);
    file_bytes_free(&entry->file[KEYSTORE_NEXT_KEY]);
    if (keystore_write(&j->store, j->o->name, entry, KEYSTORE_KEEP_NOTHING, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    key_say(j, "removed", "the request that waited, and its key");
    return 0;
}

static int drop_all(struct key_job *j)
{
    struct err e;
    const size_t block = key_block(j, j->o->name);
    if (block != KEY_UNBOUND && j->config->certificates[block].managed)
        return key_fail(j, "take it out of the configuration and reload the daemon first",
                        "%s is in use: %s line %d names it", j->o->name,
                        j->config->certificates[block].at.file,
                        j->config->certificates[block].at.line);
    if (keystore_remove(&j->store, j->o->name, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    key_say(j, "removed", j->o->name);
    return 0;
}

int key_remove(struct key_job *j)
{
    struct keystore_entry entry;
    struct err e;
    if (keystore_read(&j->store, j->o->name, &entry, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    int status = !entry.exists ? key_fail(j, NULL, "there is no key %s in %s", j->o->name, j->state)
                 : j->o->request ? drop_request(j, &entry)
                                 : drop_all(j);
    keystore_entry_free(&entry);
    return status;
}
