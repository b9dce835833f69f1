#include "proxy/key/serving.h"
#include "proxy/control/control.h"

#include <stdio.h>
#include <string.h>

/* "NAME FINGERPRINT KEY-DIGEST". */
static void take_line(char *line, const char *name, struct key_serving *s)
{
    char *rest = NULL;
    const char *whose = strtok_r(line, " ", &rest);
    const char *fingerprint = strtok_r(NULL, " ", &rest), *digest = strtok_r(NULL, " ", &rest);
    if (whose == NULL || strcmp(whose, name) != 0 || fingerprint == NULL)
        return;
    snprintf(s->fingerprint, sizeof s->fingerprint, "%s", fingerprint);
    snprintf(s->key_digest, sizeof s->key_digest, "%s", digest != NULL ? digest : "");
}

struct key_serving key_ask_serving(const struct key_job *j, const char *name)
{
    struct key_serving s = {.answered = false};
    struct buf text;
    char *rest = NULL;
    buf_init(&text, CONTROL_TEXT_MAX);
    const int status = control_fetch(j->control, "serving", CONTROL_SECONDS, &text, &s.why);
    s.answered = status == 0;
    if (status > 0)
        err_set(&s.why, "the daemon says: %.*s", (int)strcspn((const char *)text.data, "\n"),
                (const char *)text.data);
    for (char *line = s.answered ? strtok_r((char *)text.data, "\n", &rest) : NULL; line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        take_line(line, name, &s);
    buf_free(&text);
    return s;
}
