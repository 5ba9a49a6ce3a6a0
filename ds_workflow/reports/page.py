"""The frame of a self-contained HTML page: no script, nothing fetched, light and dark, phone and paper.

`PAGE_CSS` may be served by the web pages too; the classes are the face.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ds_workflow.reports.svg import CHART_CSS
from ds_workflow.reports.tables import esc

# status -> (tone, sign): the sign says it without colour
TONES: dict[str, tuple[str, str]] = {
    "pass": ("good", "\u2713"),
    "better": ("good", "\u2713"),
    "approved": ("good", "\u2713"),
    "supported": ("good", "\u2713"),
    "fit": ("good", "\u2713"),
    "fail": ("bad", "\u2715"),
    "worse": ("bad", "\u2715"),
    "invalid": ("bad", "!"),
    "not fit": ("bad", "\u2715"),
    "refuted": ("bad", "\u2715"),
    "rejected": ("bad", "\u2715"),
    "apply_failed": ("bad", "!"),
    "rolled back": ("bad", "\u21b6"),
    "inconclusive": ("unsure", "?"),
    "unclear": ("unsure", "?"),
    "no_winner": ("unsure", "?"),
    "pending": ("wait", "\u25f7"),
    "applying": ("wait", "\u25f7"),
}

_VARIABLES_LIGHT = (
    "--ink:#1c2430;--soft:#566070;--line:#dde3ea;--paper:#fff;--ground:#f5f7fa;--wait:#0b63c5;"
    "--good:#17713a;--bad:#b92c28;--unsure:#8a5a00;--off:#5d6775;"
    "--good-bg:#e7f5ec;--bad-bg:#fcebea;--unsure-bg:#fdf3dc;--wait-bg:#e6f0fc;--off-bg:#eef1f5"
)
_VARIABLES_DARK = (
    "--ink:#e7ebf1;--soft:#a5b0bf;--line:#2a313b;--paper:#14181e;--ground:#0d1015;--wait:#6cb0ff;"
    "--good:#56cf83;--bad:#ff8a80;--unsure:#efb84a;--off:#9aa5b4;"
    "--good-bg:#12301f;--bad-bg:#3a1a19;--unsure-bg:#33270f;--wait-bg:#10294a;--off-bg:#222932"
)
PAGE_CSS = f"""
:root{{{_VARIABLES_LIGHT};color-scheme:light dark}}
@media (prefers-color-scheme:dark){{:root{{{_VARIABLES_DARK}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}}
main{{max-width:58rem;margin:0 auto;padding:2rem 1rem 4rem}}
h1{{font-size:clamp(1.45rem,1rem + 2vw,2.1rem);line-height:1.2;margin:.3rem 0 .8rem;letter-spacing:-.015em;
text-wrap:balance;overflow-wrap:anywhere}}
h2{{font-size:1.15rem;line-height:1.3;margin:0 0 .2rem;letter-spacing:-.005em}}
h3{{font-size:.95rem;margin:1.5rem 0 .3rem;overflow-wrap:anywhere}}
p{{margin:.35rem 0 .8rem;max-width:68ch;overflow-wrap:anywhere}}ul{{margin:.4rem 0;padding-left:1.2rem}}
li{{overflow-wrap:anywhere}}
section,.head{{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1.25rem 1.4rem;
margin:0 0 1rem}}
.head{{border-top:5px solid var(--tone,var(--off))}}
.good{{--tone:var(--good);--tint:var(--good-bg)}}.bad{{--tone:var(--bad);--tint:var(--bad-bg)}}
.unsure{{--tone:var(--unsure);--tint:var(--unsure-bg)}}.wait{{--tone:var(--wait);--tint:var(--wait-bg)}}
.off{{--tone:var(--off);--tint:var(--off-bg)}}
.soft,.eyebrow,figcaption{{color:var(--soft)}}.eyebrow{{font-size:.85rem;overflow-wrap:anywhere}}
small,.small{{font-size:.85rem}}
.pill{{display:inline-flex;gap:.35em;align-items:baseline;border-radius:99px;padding:.05rem .6rem;font-size:.82rem;
font-weight:600;
white-space:nowrap;color:var(--tone);background:var(--tint);
border:1px solid color-mix(in srgb,var(--tone) 35%,transparent)}}
.stamp{{border:2.5px solid var(--bad);color:var(--bad);border-radius:8px;padding:.4rem .8rem;font-weight:700;
margin:.9rem 0 0;max-width:none}}
.tiles{{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:.7rem;margin-top:1.1rem}}
.tile{{border:1px solid var(--line);border-radius:10px;padding:.65rem .85rem}}
.tile b{{display:block;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em}}
.tile .name{{font-size:.82rem;color:var(--soft);line-height:1.3;min-height:2.1rem}}
.tile .was{{font-size:.82rem;color:var(--soft);margin:.1rem 0 .35rem}}
table{{border-collapse:collapse;width:100%;font-size:.9rem;margin:.7rem 0 .2rem}}
th{{text-align:left;font-weight:600;color:var(--soft);font-size:.8rem;vertical-align:bottom}}
th,td{{padding:.45rem .7rem .45rem 0;border-bottom:1px solid var(--line)}}td{{vertical-align:top;
overflow-wrap:break-word}}td span,td .digest{{overflow-wrap:anywhere}}
.scroll{{overflow-x:auto}}.scroll>table:not(.cards) td{{max-width:26rem}}
tr:last-child td{{border-bottom:0}}.r{{text-align:right;overflow-wrap:normal}}td.r{{white-space:nowrap}}
th:last-child,td:last-child{{padding-right:0}}
td .soft{{display:block;font-size:.85rem}}
code,pre{{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.84em}}
pre{{background:var(--off-bg);border-radius:8px;padding:.6rem .8rem;margin:.2rem 0 .8rem;white-space:pre-wrap;
overflow-wrap:anywhere}}
.digest{{max-width:none;font-size:.74rem;word-break:break-all;color:var(--soft)}}
th{{text-wrap:balance}}p,li{{text-wrap:pretty}}.next{{margin-top:1.2rem}}.next p{{margin:.2rem 0}}
figure{{margin:1rem 0 .4rem}}figcaption{{font-size:.87rem;margin-bottom:.5rem}}figcaption b{{color:var(--ink);
display:block}}
.narrow{{display:none}}
footer{{color:var(--soft);font-size:.82rem;padding:.2rem .2rem;overflow-wrap:anywhere}}
@media (max-width:40rem){{
main{{padding:.7rem .6rem 2rem}}section,.head{{padding:1rem .9rem;border-radius:10px}}
.wide{{display:none}}.narrow{{display:block}}.narrow svg{{width:100%}}
.tiles{{grid-template-columns:repeat(2,minmax(0,1fr))}}.tile{{padding:.6rem .65rem}}.tile .pill{{white-space:normal}}
td .pill{{justify-self:start}}.tile b{{font-size:1.25rem}}
table.cards thead{{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}}
table.cards tr{{display:block;padding:.7rem 0;border-bottom:1px solid var(--line)}}
table.cards tr:last-child{{border-bottom:0}}
table.cards td{{display:grid;grid-template-columns:6.6rem minmax(0,1fr);gap:.6rem;border:0;padding:.12rem 0;
text-align:left;white-space:normal;overflow-wrap:anywhere}}
.scroll>table:not(.cards){{width:max-content;min-width:100%}}.scroll>table:not(.cards) td{{max-width:16rem}}
table.cards td::before{{content:attr(data-label);color:var(--soft);font-size:.82rem}}
table.cards td.lead{{display:block;font-weight:600}}table.cards td.lead::before,table.cards td:empty{{display:none}}
table.cards td.lead .soft{{font-weight:400}}
}}
@media print{{
.scroll{{overflow:visible}}:root{{{_VARIABLES_LIGHT}}}body{{background:#fff;font-size:10.5pt}}main{{max-width:none;padding:0}}
section,.head{{border-radius:0;border-width:0 0 1px;padding:.7rem 0;margin:0}}.head{{border-top-width:5px}}
table{{font-size:8.5pt}}th{{font-size:inherit}}.digest{{font-size:6.3pt}}.tiles{{grid-template-columns:repeat(4,1fr)}}
figure,tr,.tile,.stamp{{break-inside:avoid}}h2,h3,figcaption{{break-after:avoid}}
.pill,.head,svg{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
""".strip()


def page(title: str, body: str) -> str:
    """The whole document; `title` is escaped, `body` is HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{esc(title)}</title>\n<style>\n{PAGE_CSS}\n{CHART_CSS}\n</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def pill(status: str, words: str = "") -> str:
    """A status with its colour, its sign and its word; an unknown status is never green."""
    tone, sign = TONES.get(status, ("off", "\u25cb"))
    said = esc(words or status.replace("_", " "))
    return f'<span class="pill {tone}"><span aria-hidden="true">{sign}</span>{said}</span>'


def tone(status: str) -> str:
    """The CSS class of a status."""
    return TONES.get(status, ("off", ""))[0]


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "", lead: int = 0, caption: str = ""
) -> str:
    """A table of HTML cells in a box that scrolls where it is too wide; on a phone its rows turn into cards, each
    headed by column `lead`."""
    lined = align.ljust(len(heads), "l")[: len(heads)]
    right = ['class="r"' if a == "r" else "" for a in lined]

    def cell(k: int, inner: str) -> str:
        css = " ".join(c for c in ("lead" if k == lead else "", "r" if lined[k] == "r" else "") if c)
        return f'<td{f" class={chr(34)}{css}{chr(34)}" if css else ""} data-label="{esc(heads[k])}">{inner}</td>'

    head = "".join(f'<th scope="col"{" " + c if c else ""}>{esc(h)}</th>' for h, c in zip(heads, right, strict=True))
    body = "\n".join(f"<tr>{''.join(cell(k, c) for k, c in enumerate(row))}</tr>" for row in rows)
    named = f' aria-label="{esc(caption)}"' if caption else ""
    made = f'<table class="cards"{named}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    return f'<div class="scroll" tabindex="0">{made}</div>'


def section(title: str, *parts: str, id: str = "") -> str:
    """A titled block; empty when it has nothing to say."""
    inner = "\n".join(p for p in parts if p)
    anchor = f' id="{esc(id)}"' if id else ""
    return f"<section{anchor}>\n<h2>{esc(title)}</h2>\n{inner}\n</section>" if inner else ""


def figure(title: str, caption: str, wide: str, narrow: str) -> str:
    """A picture in its two layouts, with its title and a sentence."""
    return (
        f"<figure>\n<figcaption><b>{esc(title)}</b>{esc(caption)}</figcaption>\n"
        f'<div class="wide">{wide}</div>\n<div class="narrow">{narrow}</div>\n</figure>'
    )


def para(text: str, *, css: str = "") -> str:
    """A paragraph of escaped text."""
    return f"<p{f' class={chr(34)}{css}{chr(34)}' if css else ''}>{esc(text)}</p>" if text else ""


def bullets(texts: Iterable[str]) -> str:
    """A list of escaped texts, empty without any."""
    inner = "".join(f"<li>{esc(t)}</li>" for t in texts)
    return f"<ul>{inner}</ul>" if inner else ""
