"""Answers as tokens: times with their units, and the few words that say what times are.

The kind of a token is one letter, so that the grammar (`baselines.vlm.ranges`) is patterns over
the string of kinds. All repeats are bounded: reading takes time linear in the text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace

_TABLE = str.maketrans(
    "‐‑‒–—―−﹣－～〜∼∽˜“”„″＂«»‘’′＇［【「『〔］】」』〕（）｛｝〈〉：，、．％﹪＝＃；。",
    '---------~~~~~"""""""\'\'\'\'[[[[[]]]]](){}<>:,,.%%=#;.',
    "*`$\u200b\u200c\u200d\u2060\ufeff",
) | str.maketrans(dict.fromkeys("→⟶➜➔⇒", "->") | {"…": ".."})
_MARKUP = [
    (re.compile(pattern, re.MULTILINE), by)
    for pattern, by in (
        (r"\\(?:text|mathrm|textbf)\{([^{}]{0,40})\}", r"\1"),
        (r"\\(?:[a-z]{1,20}|[,;:!()\[\]])", " "),
        (r"<\|([\d.]{1,12})\|>", r"<\1>"),
        (r"<(?:start|s0)>", " start: "),
        (r"<(?:end|e0)>", " end: "),
        (r"<\|?/[a-z_]{1,20}\|?>|<\|?(?!frame|timestamp)[a-z_]{1,20}\|?>", " "),
        (r"(?<!\d)(\d{1,3})'(\d{2})(?:\"|'')", r"\1:\2"),
        (r"(?<![\d.:])\d{1,4}(?:[-/]\d{1,4}){2,8}(?![\d.:])", " "),  # dates, 4-4-2
        (r"^[ \t]{0,8}(?:\d{1,2}[.)][ \t](?![\s-])|-{1,2}[ \t]{1,4}(?=\S))", ""),  # list items
    )
]
_NUMBER = (
    r"\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?(?!:?\d)"
    r"|\d{1,7},\d{1,3}(?!:?\d|[.,]\d|\s?[\])}>])|(?<![\[({<])\d{1,7},\d{1,3}(?!:?\d|[.,]\d)"
    r"|\d{1,7}\.\d{1,20}(?!:?\d)|(?<![\w.])\.\d{1,20}|\d{1,7}(?!:?\d|\.\d)"
)
_LETTER = "[a-zà-öø-ÿа-яё]"
_UNITS = {
    "ms": r"ms|msecs?|milliseconds?|millis|毫秒",
    "s": r"s|secs?|seconds?|seonds?|secods?|secounds?|secondes?|sekunden?|segundos?|secondi|seg|sek"
    r"|с|сек[а-я]{0,5}|秒钟|秒目|秒|초",
    "min": r"m|mins?|minutes?|minuten?|minutos?|минут[а-я]?|мин|分钟|分|분",
    "h": r"h|hrs?|hours?|stunden?|小时|時間",
    "percent": r"%|percent|per cent|pct|prozent",
    "frame": r"frames?|bild(?:er)?|帧",
}
SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_UNIT = re.compile("|".join(f"(?P<{unit}>{names})" for unit, names in _UNITS.items()))
_TIME = (
    r"(?P<number>(?:(?:\A|(?<=[\[({<:,])|(?<=[\[({<:,] )|(?<=from )|(?<=between ))-(?=[\d.]))?"
    rf"(?:{_NUMBER}))(?:(?:st|nd|rd|th|er|ème|e|ª|º)(?!{_LETTER}))?(?:\.(?=\s?(?:-|\Z)))?"
    rf"(?:(?:\s{{0,2}}|-)(?:{_UNIT.pattern})(?!{_LETTER})(?:(?<=[ck])\.(?=\s))?)?"
)
_WORDS = {
    "j": r"(?!(?:to|from|and|at|until|bis|frames?_?|s|e)\d)[a-z_]{1,20}\d[\w.]{0,40}"
    r"|\d{1,20}(?:[a-z_]|-[a-z])[\w-]{0,20}|\d[\d:.,]{0,60}|(?<!frame )(?<!frames )#\d{1,9}",
    "C": r"wait|correction|scratch that|(?:that's|that is|was|is) (?:wrong|incorrect)"
    r"|korrektur|更正",
    "1": r"(?:video|clip|视频|動画|vídeo|vidéo)\s?1|(?:first|1st) (?:video|clip)",
    "2": r"(?:video|clip|视频|動画|vídeo|vidéo)\s?2|(?:second|2nd) (?:video|clip)",
    "Q": rf"(?:query|reference|source|anfrage|referenz|requête|consulta|référence|запрос|查询|参考|"
    rf"クエリ|쿼리)(?:'s|{_LETTER}{{0,8}})(?:[ -](?:video|clip|window|moment|segment))?",
    "G": r"target|ziel[a-z]{0,8}|cible|objetivo|alvo|целев[а-я]{0,4}|目标|対象|타겟",
    "N": r"not|cannot|[a-z]{2,6}n't|none|neither|nor|never|without|unable|impossible|sorry|"
    r"nothing|no(?!\s?\.?\s?\d| other| doubt| vídeo| segundo| minuto)|as an ai"
    r"|kein[a-z]{0,2}|nicht|weder|leider|aucune?|pas|désolé|ningun[oa]|ningún|lo siento"
    r"|não|nenhum[a-z]?|desculpe|нет|не|ни|сожалению|没有|沒有|无法|抱歉|不存在|ません|ない|없",
    "X": r"but|however|although|though|rather|instead|guess|closest|best|correct|should be|sondern|"
    r"aber|mais|sino|pero|mas|но|а|而是|但",
    "M": r"match[a-z]{0,3}|correspond[a-z]{0,4}|happen[a-z]{0,3}|occur[a-z]{0,4}|appear[a-z]{0,2}"
    r"|locat[a-z]{0,4}|found|takes? place|similar[a-z]{0,2}|means|entspr[a-z]{0,6}|对应|相当",
    "L": r"lasts?|lasting|duration|length|duração|dauert|dauer|时长",
    "A": r"(?:the )?(?:very )?(?:beginning|start)(?: of (?:the )?(?:target )?(?:video|clip)|(?= ?"
    r"(?:to|until|till)(?![a-z])))",
    "Z": r"(?:the )?(?:very )?end(?: of (?:the )?(?:target )?(?:video|clip)|(?= ?[.)\]]?\s{0,9}\Z))"
    r"|(?:zum )?ende des (?:ziel)?videos|la fin(?: de la vidéo| ?\.?\Z)|(?:el )?final del v[ií]deo"
    r"|(?:o )?(?:final|fim) do vídeo|конца видео|视频结束|视频结尾|動画の最後",
    "S": r"starts?(?:ed|ing|s)?(?:[ _]?times?)?|begins?|beginning|began|onset|commenc[a-z]{0,4}"
    r"|anfang|beginnt|début|inicio|início|comienza|começa|начал[а-я]?|начинается|开始|開始|起始|开头",
    "E": r"(?:end(?:s|ed|ing)?|finish|stop)(?:[ _]?times?)?|finish[a-z]{2}|stop[a-z]{1,4}"
    r"|conclud[a-z]{1,3}|offset|ende|endet|fin|termine|termina|fim|конец|кон[а-я]{1,6}"
    r"|заканчивается|结束|終了",
    "u": r"until|till?|through|thru|up to|bis|jusqu'(?:à|au)|hasta|até|до|まで",
    "~": r"(?<![\ds)\]秒초])(?<![\ds)\]秒초] )~",
    "-": rf"<?-{{1,3}}>?|=+>|~|\.{{2,3}}|(?<!{_LETTER})(?:to|aos?|a|à|au|по)(?!{_LETTER})"
    r"|到|至|から|부터",
    "&": rf"&|(?<!{_LETTER})(?:and|et|y|und|e|и)(?!{_LETTER})|和|と",
    "F": r"from|de|von|vom|da|dal|desde|du|dos|с|от|从|ab",
    "B": r"between|entre|zwischen|между|在",
    "O": r"scor(?:e[sd]?|eline|ing)|won|wins?|lead[a-z]{0,3}|led|beats?|lost|loses?|draws?|drew"
    r"|half|candidates?|options?",
    "h": r"the|about|approximately|approx\.?|ca\.|around|roughly|nearly|almost|into"
    r"|timestamps?|time|mark|number|point|answer|window|(?:i\.e|e\.g)\.?|is|are|was|at|t|le|la|el|il|die|das"
    r"|den|dem|los|las|les|der|in|im|en|em|na|dans|on|of|within|it|for|video|v[ií]deo|vidéo|видео"
    r"|zeit|minuto?|minute|第|约|大约|时间|時間|は|の|에서"
    r"|['\"=:_/#]",
    "s": r"seconds?|sekunden?|secondes?|segundos?|sec",
    "f": r"frames?(?:_| (?:numbers?|ind(?:ex|ices)|no\.?|ids?)(?![a-z]))?|bild(?:er)?",
    ",": r"[,|]",
    ".": r"[.!?]",
    ";": r"[;\n]",
    "(": r"[\[({<]",
    ")": r"[\])}>]",
    "w": rf"{_LETTER}{{1,40}}|[^\W\d_]",
}
_TOKEN = re.compile(
    rf"(?P<T>{_TIME}(?!(?!(?:to|and|bis|until)[ \d])[a-z]|-[a-z]))"
    + "".join(
        rf"|(?P<k{i}>(?<!{_LETTER})(?:{pattern})(?!{_LETTER}))" if kind.isalnum() and kind != "j"
        else f"|(?P<k{i}>{pattern})"
        for i, (kind, pattern) in enumerate(_WORDS.items())
    )
)  # fmt: skip
_SUBJECT = re.compile(
    r"(?:^|[.;,:!?\n(|]|(?<![a-z])(?:and|but|while))\s{0,4}(?:(?:the|your|given|die|der|das|el|la|le)"
    r"\s){0,2}\Z"
)
_PLACE = re.compile(
    r"(?<!as )(?<!shown )(?<!seen )(?<!like )(?<![a-zà-ÿ])(?:in|within|im|dans|en|no|в)"
    r"(?: (?:the|your|der|la|el|o|v[ií]deo|vidéo|de|видео)){0,4}[ -]\Z"
)


@dataclass(frozen=True)
class Token:
    """A word or a time; of a time also its value and unit (``s``, ``%``, ``frame`` or none)."""

    kind: str
    start: int
    end: int
    value: float = 0.0
    unit: str = ""
    scale: float = 1.0


def normalise(text: str) -> str:
    """Lower case, one kind of dash, quote and digit, no markup; dates and ``4-4-2`` taken out."""
    text = "".join(
        str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text
    )
    text = text.translate(_TABLE).lower()
    for pattern, by in _MARKUP:
        text = pattern.sub(by, text)
    return text


def unit_of(word: str) -> str:
    """Name the unit that a word means, or give an empty string."""
    match = _UNIT.fullmatch(word)
    return (match.lastgroup or "") if match else ""


def tokens(text: str, query_first: bool = True) -> list[Token]:
    """Read a normalised text; `query_first` says which clip "the first video" is.

    Of the query there are three kinds: ``Q`` (what follows happens in it), ``p`` (what follows is
    said of it), ``q`` (it is but named).
    """
    kinds, found = list(_WORDS), [Token(";", 0, 0)]
    prefix = ""  # "frames 24 to 41", "second 12 to 20"
    for match in _TOKEN.finditer(text):
        kind = "T" if match["number"] else kinds[int((match.lastgroup or "")[1:])]
        token = Token(kind, *match.span(), value=math.inf if kind == "Z" else 0.0)
        if kind == "T":
            token = _time(match, prefix)
            last = found[-2] if len(found) > 1 and found[-1].kind in "&," else found[-1]
            gap = text[last.end : token.start]
            if (
                last.unit == "s" and last.scale > token.scale and len(gap) < 8
                and (not gap or token.unit == "s") and (last is found[-1] or last.scale > 1)
            ):  # 1 minute and 5 seconds  # fmt: skip
                del found[found.index(last, -2) :]
                token = replace(token, start=last.start, value=last.value + token.value, unit="s")
        elif kind in "12":
            token = replace(token, kind="Q" if (kind == "1") == query_first else "G")
        elif kind == "Q":
            near = text[max(0, match.start() - 24) : match.start()]
            if near.isascii() and not _PLACE.search(near):
                token = replace(token, kind="p" if _SUBJECT.search(near) else "q")
        elif kind in "sf~":
            prefix = {"s": "s", "f": "frame", "~": prefix}[kind]
            token = replace(token, kind="h")
        if token.kind not in "Tnh(),-u&SE":
            prefix = ""
        found.append(token)
    return found


def _time(match: re.Match[str], prefix: str) -> Token:
    number = match["number"]
    unit = next((name for name in _UNITS if match[name]), prefix if number.isdigit() else "")
    scale = SECONDS.get(unit, 1.0)
    if unit == "ms" and re.fullmatch(r"\d+,\d{3}", number):
        number = number.replace(",", "")
    value = 0.0
    for part in number.replace(",", ".").split(":"):
        value = 60 * value + float(part)
    if ":" in number:
        unit, scale = "s", 1.0
    kind = "T" if unit or not number.isdigit() else "n"
    unit = "s" if unit in SECONDS else unit
    return Token(kind, *match.span(), value * scale, unit, scale)
