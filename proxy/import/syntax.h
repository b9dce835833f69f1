/* syntax.h - the four syntaxes: text to statements. Pure: they know no directive but those that the
 * syntax hangs on, open no file, and follow no include.
 *
 * Each adds to `file` what it has read. False: it is not in that syntax, and a finding in `d` says
 * where, why and what to do. Texts are borrowed for the call only. */
#ifndef TLSFRONT_IMPORT_SYNTAX_H
#define TLSFRONT_IMPORT_SYNTAX_H

#include "proxy/import/statement.h"

#include "config/diag.h"

#include <stdbool.h>

typedef bool syntax_fn(struct arena *a, const char *text, size_t size, struct statement *file,
                       struct diags *d);

/* NAME WORD...; and NAME WORD... { }. What is in a block by Lua is left out. */
syntax_fn syntax_nginx;

/* A word that begins a section (frontend, backend...) and its lines. A variable of the environment
 * stays in its word as $NAME. */
syntax_fn syntax_haproxy;

/* [SERVICE] and KEY = VALUE lines; the key in small letters, since case does not matter there. */
syntax_fn syntax_stunnel;

/* KEY = "VALUE", KEY = VALUE..., KEY = { }. */
syntax_fn syntax_hitch;

/* The lines of haproxy's crt-list files, [ and ] as words. */
syntax_fn syntax_crt_list;

#endif
