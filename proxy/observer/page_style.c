/* page_style.c - how the page looks. Whoever changes the style changes its hash: a test says it. */
#include "proxy/observer/page.h"

const char page_policy[] =
    "default-src 'none'; style-src 'sha256-ZD+kqDXk83Ko44WyyKY8MQjdbG/Pj1ZoQl+Z+8dWufg='; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const char page_style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#fff;--line:#d0d7de;"
    "--bar:#0969da;--bad:#b3261e;--warn:#8a5a00;--good:#1a7f37}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--paper:#0d1117;"
    "--line:#30363d;--bar:#58a6ff;--bad:#ff7b72;--warn:#e3b341;--good:#56d364}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}"
    "h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}"
    "a{color:var(--bar)}a:focus-visible{outline:3px solid var(--bar);outline-offset:2px}"
    "nav{display:flex;flex-wrap:wrap;gap:.5rem 1rem}"
    ".dim{color:var(--dim)}.bad{color:var(--bad)}.warn{color:var(--warn)}.good{color:var(--good)}"
    ".state{font-weight:600}"
    "ul.troubles{list-style:none;padding:0;margin:1rem 0}"
    "ul.troubles li{border:1px solid var(--line);border-left:.4rem solid currentColor;"
    "padding:.4rem .8rem;margin:.4rem 0}"
    "ul.troubles li span{color:var(--ink)}"
    "table{border-collapse:collapse;width:100%}caption{text-align:left;color:var(--dim)}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .7rem .35rem 0;"
    "border-bottom:1px solid var(--line)}tbody th,td{overflow-wrap:anywhere}"
    "tbody th{min-width:8.5rem}td[data-name=Speaks],td[data-name=Upstreams]{min-width:12rem}"
    "th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    "svg{display:block;max-width:100%;height:auto}.b{fill:var(--bar)}.f{fill:var(--bad)}"
    ".s{fill:var(--warn)}.a{stroke:var(--line);fill:none}.t{fill:var(--dim);font-size:11px}"
    "footer{margin-top:2rem;color:var(--dim)}"
    "@media(max-width:48rem){thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-"
    "path:inset(50%)}"
    "table,caption,tbody,tr,th,td{display:block}tr{padding:.5rem 0;border-bottom:1px solid "
    "var(--line)}"
    "th,td{border:0;padding:.1rem 0}.n{text-align:left}"
    "td[data-name]::before{content:attr(data-name) \": \";color:var(--dim)}}";
