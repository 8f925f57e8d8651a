"""How a postmortem looks in a browser: one style sheet for screens of any width, for the dark and for paper."""

from __future__ import annotations

from renderers.picture import STYLE as PICTURE

_PAGE = """
:root{color-scheme:light dark;--bg:#fff;--ink:#1d2127;--mute:#58606b;--line:#dfe2e6;--soft:#f5f6f8;--link:#1b5a96;
--ask:#fff6dc;--askline:#b98500}
@media (prefers-color-scheme:dark){:root{--bg:#16181d;--ink:#e7e9ec;--mute:#a3abb6;--line:#31363f;--soft:#1e2127;
--link:#8cc3f7;--ask:#2d2713;--askline:#d9a520}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,
'DejaVu Sans',sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 1rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.4rem 0 .6rem;padding-top:.5rem;border-top:1px solid var(--line)}
p,ul,ol,table,figure{margin:.6rem 0}
ul,ol{padding-left:1.3rem}
li{margin:.25rem 0;overflow-wrap:anywhere}
a{color:var(--link)}
a:focus-visible{outline:2px solid var(--link);outline-offset:2px}
code{font:.88em ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;background:var(--soft);padding:.08em .3em;
border-radius:3px;overflow-wrap:anywhere}
q{quotes:'"' '"';white-space:pre-wrap}
time{font-variant-numeric:tabular-nums}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}
.facts dt{color:var(--mute)}
.facts dd{margin:0;overflow-wrap:anywhere}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.9rem}
.cites{font-size:.78em;color:var(--mute);white-space:nowrap}
.cites a{color:inherit;text-decoration-color:var(--line)}
.ask,blockquote{background:var(--ask);border-left:4px solid var(--askline);padding:.5rem .8rem;margin:.8rem 0}
blockquote p{margin:0}pre{overflow-x:auto}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.95rem}
caption{text-align:left;break-after:avoid;color:var(--mute);font-size:.88rem;padding-bottom:.3rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
td:last-child{overflow-wrap:anywhere}
thead th{color:var(--mute);font-weight:600;border-bottom:2px solid var(--line)}
tbody th{font-weight:400;white-space:nowrap;font-variant-numeric:tabular-nums}
.index{font-size:.85rem}
.index td,.index th{padding:.2rem .6rem}
tr:target{background:var(--ask)}
figure{border:1px solid var(--line);border-radius:6px;padding:.4rem;background:var(--bg)}
figcaption{font-size:.85rem;color:var(--mute);padding:.2rem .4rem}
.narrow{display:none}
footer{margin-top:2.5rem;padding-top:.6rem;border-top:1px solid var(--line);color:var(--mute);font-size:.9rem}
@media screen and (max-width:44rem){main{padding:1rem .9rem 3rem}.broad{display:none}.narrow{display:block}
.facts{grid-template-columns:1fr}.facts dd{margin-bottom:.4rem}th,td{padding:.35rem .4rem}
.stack thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.stack tr,.stack td,.stack th{display:block;border:0;padding:.1rem 0}
.stack tr{border-bottom:1px solid var(--line);padding:.45rem 0}
.stack tbody th{color:var(--mute);font-size:.88rem}
.stack td[data-head]::before{content:attr(data-head) ': ';color:var(--mute)}
table:not([class]){font-size:.82rem}
table:not([class]) :is(th,td){padding:.3rem .25rem;overflow-wrap:anywhere;white-space:normal}}
@media print{:root{color-scheme:light;--bg:#fff;--ink:#000;--mute:#444;--line:#bbb;--soft:#f3f3f3;--link:#000;
--ask:#fff;--askline:#888}body{font-size:10.5pt}main{max-width:none;padding:0}nav{display:none}
h2{break-after:avoid}tr,li,.ask,blockquote,figure{break-inside:avoid}thead{display:table-header-group}a{text-decoration:none}
.wide{overflow:visible}@page{margin:16mm 14mm}}
"""

STYLE = PICTURE + _PAGE.replace("\n", "")
"""The style sheet of every postmortem as HTML, its pictures' included; it never changes with what is told."""
