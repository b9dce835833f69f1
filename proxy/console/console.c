#include "proxy/console/console.h"
#include "proxy/base/date.h"
#include "proxy/base/exits.h"
#include "proxy/base/streams.h"
#include "proxy/console/glyphs.h"
#include "proxy/console/layout.h"
#include "proxy/console/screen.h"
#include "proxy/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)64 << 20)

bool console_present(void)
{
    return isatty(STDOUT_FILENO);
}

static void print(const struct buf *text)
{
    if (text->size > 0)
        fwrite(text->data, 1, text->size, stdout);
}

/* An older daemon knows no tables. */
static int fetch(const char *path, bool as_table, struct buf *text, struct err *e)
{
    const int status =
        control_fetch(path, as_table ? "status table" : "status", CONTROL_SECONDS, text, e);
    if (!as_table || status != EXIT_USAGE)
        return status;
    buf_drop(text, text->size);
    return control_fetch(path, "status", CONTROL_SECONDS, text, e);
}

int console_status(const char *path)
{
    struct buf text, lines;
    struct err e;
    const bool utf8 = glyphs_begin();
    buf_init(&text, TEXT_MAX);
    buf_init(&lines, TEXT_MAX);
    const int status = fetch(path, true, &text, &e);
    if (status == 0) {
        layout((const char *)text.data, screen_size().columns, utf8, &lines);
        print(&lines);
    } else if (status < 0) {
        control_explain(&e, errno);
    } else {
        fputs((const char *)text.data, stderr);
    }
    buf_free(&text);
    buf_free(&lines);
    return status < 0 ? EXIT_RUNTIME : status;
}

/* ---- again and again ---- */

static void put_time(struct buf *out, unsigned seconds)
{
    char now[DATE_TEXT_SIZE];
    date_text(time(NULL), now);
    buf_printf(out, "-%s, every %u s; Ctrl-C ends\t\n-\t\n", now, seconds);
}

/* The text of one look, with a NUL behind it. */
static void take_look(const char *path, bool as_table, struct buf *text)
{
    struct buf answer;
    struct err e;
    buf_init(&answer, TEXT_MAX);
    if (fetch(path, as_table, &answer, &e) >= 0)
        buf_puts(text, (const char *)answer.data);
    else
        buf_printf(text, "%s%s; waiting for one\n", as_table ? "-" : "", e.text);
    buf_put(text, "", 1);
    buf_free(&answer);
}

static bool show(const char *path, unsigned seconds, bool utf8)
{
    struct buf text, lines;
    buf_init(&text, TEXT_MAX);
    buf_init(&lines, TEXT_MAX);
    put_time(&text, seconds);
    take_look(path, true, &text);
    layout((const char *)text.data, screen_size().columns, utf8, &lines);
    const bool good = screen_show(&lines);
    buf_free(&text);
    buf_free(&lines);
    return good;
}

/* One below the other. */
static bool append(const char *path, bool utf8)
{
    struct buf text, lines;
    const bool as_table = console_present();
    buf_init(&text, TEXT_MAX);
    buf_init(&lines, TEXT_MAX);
    take_look(path, as_table, &text);
    if (as_table)
        layout((const char *)text.data, screen_size().columns, utf8, &lines);
    else
        buf_puts(&lines, (const char *)text.data);
    buf_puts(&lines, "\n");
    print(&lines);
    streams_flush();
    buf_free(&text);
    buf_free(&lines);
    return ferror(stdout) == 0;
}

int console_watch(const char *path, unsigned seconds)
{
    const bool utf8 = glyphs_begin(), refresh = screen_can_refresh();
    if (refresh)
        screen_take();
    while (refresh ? show(path, seconds, utf8) : append(path, utf8))
        screen_wait(seconds);
    if (refresh)
        screen_give_back();
    return EXIT_RUNTIME;
}
