/* test_syntax.c - the peers' syntaxes: what is read, where a mistake is, and that no text that ends
 * early harms. */
#include "tests/support/unit.h"

#include "proxy/import/syntax.h"

/* (word word (word) ...): blocks as lists in lists. */
static void dump(const struct statement *block, struct buf *out)
{
    for (const struct statement *s = block->first; s != NULL; s = s->next) {
        buf_puts(out, s == block->first ? "(" : " (");
        for (size_t i = 0; i < s->count; i++)
            buf_printf(out, "%s%s", i > 0 ? " " : "", s->words[i]);
        buf_puts(out, s->first != NULL ? " " : "");
        dump(s, out);
        buf_puts(out, ")");
    }
}

struct reading {
    struct arena arena;
    struct diags diags;
    struct statement *file;
    bool good;
};

static struct reading read_text(syntax_fn *syntax, const char *text, size_t size)
{
    struct reading r = {.good = false};
    r.file = statement_file(&r.arena, "f");
    r.good = syntax(&r.arena, text, size, r.file, &r.diags);
    return r;
}

static void reading_free(struct reading *r)
{
    diags_free(&r->diags);
    arena_free(&r->arena);
}

static const struct good {
    syntax_fn *syntax;
    const char *text, *read;
} goods[] = {
    {syntax_nginx, "", ""},
    {syntax_nginx, "# only a comment", ""},
    {syntax_nginx, "a b;c;", "(a b) (c)"},
    {syntax_nginx, "mail { server { listen 995 ssl; } }", "(mail (server (listen 995 ssl)))"},
    {syntax_nginx, "events{}", "(events)"},
    {syntax_nginx, "a \"b ; }\" 'c \"d';", "(a b ; } c \"d)"},
    {syntax_nginx, "a \"x\\\"y\" z\\;w;", "(a x\"y z\\;w)"},
    {syntax_nginx, "a ${name}b{c;}", "(a ${name}b (c))"},
    {syntax_nginx, "a # b;\n c;", "(a c)"},
    {syntax_nginx, "a b#c;", "(a b#c)"},
    {syntax_nginx, "l_by_lua_block { if a { b } } c;", "(l_by_lua_block) (c)"},
    {syntax_nginx, "a\r\nb;\r\n", "(a b)"},

    {syntax_stunnel, "", ""},
    {syntax_stunnel, "; c\n# c\n\n", ""},
    {syntax_stunnel, "pid =\n[a]\nAccept = 1\n [ b ]\nconnect=::1:25 \r\n",
     "(pid ) ([ a (accept 1)) ([ b (connect ::1:25))"},
    {syntax_stunnel, "\xef\xbb\xbf[a]\nx = y ; no comment", "([ a (x y ; no comment))"},
    {syntax_stunnel, "execArgs = a = b", "(execargs a = b)"},

    {syntax_hitch, "", ""},
    {syntax_hitch, "a = 1 b = \"x y\" # c", "(a 1) (b x y)"},
    {syntax_hitch, "tls-protos = TLSv1.2 TLSv1.3\nworkers = 4",
     "(tls-protos TLSv1.2 TLSv1.3) (workers 4)"},
    {syntax_hitch, "tls-protos = TLSv1.2\n  TLSv1.3", "(tls-protos TLSv1.2 TLSv1.3)"},
    {syntax_hitch, "frontend = {\n host = \"*\"\n port = \"443\"\n}",
     "(frontend (host *) (port 443))"},
    {syntax_hitch, "f={p={c='x'}}", "(f (p (c x)))"},
    {syntax_hitch, "a = \"\"", "(a )"},

    {syntax_haproxy, "", ""},
    {syntax_haproxy, "global\n daemon # c\n\nlisten a\n  bind :1 ssl\n",
     "(global (daemon)) (listen a (bind :1 ssl))"},
    {syntax_haproxy, "global\nfrontend a b", "(global) (frontend a b)"},
    {syntax_haproxy, "listen a\n x \"b c\" 'd\\' e\\ f \"g\\\"h\" i\\x41",
     "(listen a (x b c d\\ e f g\"h iA))"},
    {syntax_haproxy, "listen a\n x \"\"", "(listen a (x ))"},
    {syntax_haproxy, "listen a\n log global", "(listen a (log global))"},

    {syntax_crt_list, "a.pem [alpn h2 verify none] *.x !y\n\n# c\nb.pem",
     "(a.pem [ alpn h2 verify none ] *.x !y) (b.pem)"},
};

static void texts_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++) {
        struct reading r = read_text(goods[i].syntax, goods[i].text, strlen(goods[i].text));
        struct buf out;
        buf_init(&out, 4096);
        if (!r.good)
            fail_msg("%s: %s", goods[i].text, r.diags.items[0].cause);
        dump(r.file, &out);
        assert_text(&out, goods[i].read);
        buf_free(&out);
        reading_free(&r);
    }
}

static const struct bad {
    syntax_fn *syntax;
    const char *text;
    int line;
    const char *cause;
} bads[] = {
    {syntax_nginx, "a", 1, "a directive is not ended"},
    {syntax_nginx, "a;\nb c\n", 2, "a directive is not ended"},
    {syntax_nginx, "a {\nb", 2, "a directive is not ended"},
    {syntax_nginx, "a {\nb }", 2, "a directive is not ended before the closing brace"},
    {syntax_nginx, "\na {\nb;\n", 2, "a block is not closed"},
    {syntax_nginx, "}", 1, "a closing brace closes no block"},
    {syntax_nginx, "\n;", 2, "a semicolon ends nothing"},
    {syntax_nginx, "{}", 1, "a brace opens a block that has no name"},
    {syntax_nginx, "a \"b\n;", 1, "a string is not closed"},
    {syntax_nginx, "a \"b\"c;", 1, "something follows a string's closing quotation mark"},
    {syntax_nginx, "x_by_lua_block { {", 1, "a block is not closed"},
    {syntax_stunnel, "a = b\nnothing\n", 2, "a line is no setting"},
    {syntax_stunnel, "= b", 1, "a line is no setting"},
    {syntax_stunnel, "\n[a\nb = c", 2, "a section's name has no closing bracket"},
    {syntax_hitch, "a = ", 1, "a key has no value"},
    {syntax_hitch, "a = b = c", 1, "a key has no value"},
    {syntax_hitch, "\"a\" = b", 1, "here a key and = should stand"},
    {syntax_hitch, "a = \"b\nc\"", 1, "a string is not closed"},
    {syntax_hitch, "a = {\nb = c", 1, "a block is not closed"},
    {syntax_hitch, "a = b\n}", 2, "a closing brace closes no block"},
    {syntax_haproxy, "\nbind :1", 2, "a line stands in no section"},
    {syntax_haproxy, "global\n x \"y", 2, "a string is not closed on its line"},
    {syntax_haproxy, "global\n x 'y", 2, "a string is not closed on its line"},
    {syntax_haproxy, "global\n x y\\", 2, "a backslash ends the line"},
    {syntax_haproxy, "global\n x \\xg0", 2, "a \\x has no two hexadecimal digits behind it"},
    {syntax_haproxy, "global\n.if 1\n", 2,
     "conditions and messages (.if, .notice) are not followed"},
};

static void mistakes_are_told_with_their_line_and_a_cure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct reading r = read_text(bads[i].syntax, bads[i].text, strlen(bads[i].text));
        if (r.good)
            fail_msg("%s is taken", bads[i].text);
        assert_int_equal(r.diags.count, 1);
        assert_string_equal(r.diags.items[0].cause, bads[i].cause);
        assert_string_equal(r.diags.items[0].file, "f");
        assert_int_equal(r.diags.items[0].line, bads[i].line);
        assert_non_null(r.diags.items[0].cure);
        reading_free(&r);
    }
}

static syntax_fn *const syntaxes[] = {syntax_nginx, syntax_stunnel, syntax_hitch, syntax_haproxy,
                                      syntax_crt_list};

static void a_nul_is_in_no_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(syntaxes); i++) {
        struct reading r = read_text(syntaxes[i], "\n\0", 2);
        assert_false(r.good);
        assert_int_equal(r.diags.items[0].line, 2);
        reading_free(&r);
    }
}

/* Wherever a text ends, it is read or refused with a reason, and nothing behind its end is looked
 * at. */
static void a_text_may_end_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(goods); i++)
        for (size_t size = 0; size <= strlen(goods[i].text); size++) {
            char *copy = malloc(size + 1);
            assert_non_null(copy);
            memcpy(copy, goods[i].text, size);
            copy[size] = '"';
            struct reading r = read_text(goods[i].syntax, copy, size);
            assert_int_equal(r.good, r.diags.count == 0);
            reading_free(&r);
            free(copy);
        }
}

static void blocks_do_not_nest_without_end(void **state)
{
    char text[4000];
    size_t size = 0;
    (void)state;
    while (size + 2 < sizeof text) {
        text[size++] = 'a';
        text[size++] = '{';
    }
    struct reading r = read_text(syntax_nginx, text, size);
    assert_false(r.good);
    assert_string_equal(r.diags.items[0].cause, "blocks are nested too deep");
    reading_free(&r);
}

/* What a comment will say of a statement. */
static void a_statement_knows_its_lines_and_its_text(void **state)
{
    (void)state;
    static const char text[] = "\nhttp {\n  listen\t80\n \x1b 81;\n}\n";
    struct reading r = read_text(syntax_nginx, text, sizeof text - 1);
    assert_true(r.good);
    assert_int_equal(r.file->first->line, 2);
    assert_int_equal(r.file->first->last_line, 5);
    assert_string_equal(r.file->first->text, "http");
    assert_int_equal(r.file->first->first->line, 3);
    assert_string_equal(r.file->first->first->text, "listen 80 81");
    reading_free(&r);

    static const char lines[] = "global\n a\n\n# c\nlisten x\n b\n";
    r = read_text(syntax_haproxy, lines, sizeof lines - 1);
    assert_true(r.good);
    assert_int_equal(r.file->first->last_line, 2);
    assert_int_equal(r.file->last->last_line, 6);
    reading_free(&r);
}

static void an_include_takes_the_place_of_its_line(void **state)
{
    (void)state;
    struct reading r = read_text(syntax_nginx, "a; i; b; i;", 11);
    struct reading one = read_text(syntax_nginx, "x; y;", 5), none = read_text(syntax_nginx, "", 0);
    struct buf out;
    buf_init(&out, 4096);
    statement_replace(r.file->first->next, one.file);
    statement_replace(r.file->last, none.file);
    dump(r.file, &out);
    assert_text(&out, "(a) (x) (y) (b)");
    assert_ptr_equal(r.file->first->next->parent, r.file);
    assert_true(statement_is(r.file->last, 0, "b"));
    buf_free(&out);
    reading_free(&none);
    reading_free(&one);
    reading_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(mistakes_are_told_with_their_line_and_a_cure),
        cmocka_unit_test(a_nul_is_in_no_text),
        cmocka_unit_test(a_text_may_end_anywhere),
        cmocka_unit_test(blocks_do_not_nest_without_end),
        cmocka_unit_test(a_statement_knows_its_lines_and_its_text),
        cmocka_unit_test(an_include_takes_the_place_of_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
