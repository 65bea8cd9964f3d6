"""The table as Markdown, CSV (every metric) and LaTeX (booktabs)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from vid2vidmr.files import write_text
from vid2vidmr.tables.escape import csv_text, markdown_text, tex_text
from vid2vidmr.tables.table import Row, Table

CSV_COLUMNS = (
    "dataset", "fingerprint", "synthetic", "simulated", "split", "pairs", "method", "kind",
    "preset", "encoder", "protocol", "metric", "value", "low", "high", "seed_sd", "seeds",
)  # fmt: skip


def to_csv(table: Table) -> str:
    """One line a method, protocol and metric; numbers in percent, unrounded to 4 decimals."""
    several = table.worlds > 1
    lines: list[Iterable[object]] = [[*CSV_COLUMNS, *["world_sd"] * several]]

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.4f}"

    for row in table.rows:
        start = [
            table.dataset, table.fingerprint, table.synthetic, table.simulated, table.split,
            table.pairs, row.method, row.kind, row.preset or "", row.encoder or "",
        ]  # fmt: skip
        seeds = " ".join(map(str, row.seeds))
        none = [""] * several
        for protocol in table.protocols:
            for name, summary in row.metrics[protocol].items():
                mean = summary.mean
                numbers = map(number, (mean.value, mean.low, mean.high, summary.seed_sd))
                between = [number(summary.world_sd)] * several
                lines.append([*start, protocol, name, *numbers, seeds, *between])
            further = ("query_sensitivity", row.sensitivity), ("gain", row.gains)
            for name, of in further:
                if points := of.get(protocol):
                    numbers = map(number, (points.value, points.low, points.high, None))
                    lines.append([*start, protocol, name, *numbers, seeds, *none])
            if row.ranks:
                best, worst = map(str, row.ranks[protocol])
                lines.append([*start, protocol, "rank", "", best, worst, "", seeds, *none])
            covered = number(100 * row.coverage[protocol])
            lines.append([*start, protocol, "coverage", covered, "", "", "", seeds, *none])
    return csv_text(lines)


def _cells(
    table: Table, row: Row, bold: Callable[[str], str], spread: Callable[[str], str]
) -> list[str]:
    """Numbers of a row: every protocol's metrics, sensitivity and rank; the number of seeds."""
    cells = []
    for protocol in table.protocols:
        for metric in table.metrics:
            summary = row.metrics[protocol][metric]
            text = f"{summary.mean.value:.1f}"
            if table.is_best(row, protocol, metric):
                text = bold(text)
            if metric == table.headline:
                if summary.mean.low is not None and summary.mean.high is not None:
                    text += f" [{summary.mean.low:.1f}, {summary.mean.high:.1f}]"
                if sd := summary.spread:
                    text += spread(sd)
            cells.append(text)
        lost = row.sensitivity.get(protocol)
        cells += ["" if lost is None else f"{lost.value:z.1f}"] * table.has_sensitivity
        cells.append(row.rank(protocol))
    return [*cells, str(len(row.seeds))]


def _columns(table: Table) -> list[str]:
    """Heads of the columns of a protocol."""
    return [*table.metrics, *["sens."] * table.has_sensitivity, "rank"]


def shot_lines(table: Table) -> list[list[str]]:
    """Rows of a table of several examples: a line each time that a method is asked.

    Bias rows, which do not look, are asked once.
    """
    return [
        [
            row.name if protocol == table.protocols[0] else "",
            shots,
            row.metrics[protocol][table.headline].mean.text(),
            row.gains[protocol].text(signed=True) if protocol in row.gains else "",
        ]
        for row in table.rows
        for protocol, shots in table.shots.items()
        if row.kind != "bias" or protocol == table.protocols[0]
    ]


def to_markdown(table: Table) -> str:
    """Title, table, verdicts and notes."""
    said = [f"- {markdown_text(text)}" for text in (*table.verdicts, *table.notes)]
    title = f"**{markdown_text(table.title)}**"
    return "\n".join([title, "", *_markdown_rows(table), "", *said, ""])


def _markdown_rows(table: Table) -> list[str]:
    if table.shots:
        lines = [[markdown_text(cell) for cell in line] for line in shot_lines(table)]
        return markdown_table(["method", "examples", table.headline, "gain"], lines, texts=1)
    heads = [f"{protocol} {name}" for protocol in table.protocols for name in _columns(table)]
    header = ["method", "kind", *heads, "seeds"]
    cells = [
        [
            markdown_text(row.name),
            row.kind,
            *_cells(table, row, "**{}**".format, " sd {}".format),
        ]
        for row in table.rows
    ]
    if table.bias_rows and table.method_rows:
        line = ["*below: not above bias*", *[""] * (len(header) - 1)]
        cells.insert(len(table.over_bias), line)
    return markdown_table(header, cells, texts=2)


def markdown_table(header: list[str], rows: Iterable[list[str]], texts: int) -> list[str]:
    """Give the lines of a table; its first `texts` columns are no numbers."""
    lines = [f"| {' | '.join(cells)} |" for cells in (header, *rows)]
    lines.insert(1, f"|{'---|' * texts}{'---:|' * (len(header) - texts)}")
    return lines


def to_latex(table: Table) -> str:
    """Give a ``table`` environment; it needs the package booktabs."""
    width = len(_columns(table))
    groups, rules = [], []
    for i, protocol in enumerate(table.protocols):
        groups.append(f"\\multicolumn{{{width}}}{{c}}{{{tex_text(protocol)}}}")
        rules.append(f"\\cmidrule(lr){{{2 + i * width}-{1 + (i + 1) * width}}}")
    heads = [tex_text(name) for _ in table.protocols for name in _columns(table)]

    def line(row: Row) -> str:
        cells = _cells(table, row, "\\textbf{{{}}}".format, " $\\pm$ {}".format)
        return " & ".join([tex_text(row.name), *cells]) + r" \\"

    sections = table.over_bias, table.not_over_bias, table.bias_rows
    caption = tex_text(" ".join([f"{table.title}.", *table.verdicts, *table.notes]))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (width * len(table.protocols) + 1)}}}",
            r"\toprule",
            " & ".join(["", *groups, r" \\"]),
            " ".join(rules),
            " & ".join(["method", *heads, "seeds"]) + r" \\",
            r"\midrule",
            "\n\\midrule\n".join("\n".join(map(line, rows)) for rows in sections if rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def write_tables(table: Table, path: Path) -> list[Path]:
    """Write ``PATH.md``, ``PATH.csv`` and ``PATH.tex``."""
    return write_all(path, md=to_markdown(table), csv=to_csv(table), tex=to_latex(table))


def write_all(path: Path, **texts: str) -> list[Path]:
    """Write a text for each ending."""
    written = [path.with_name(f"{path.name}.{ending}") for ending in texts]
    for file, text in zip(written, texts.values(), strict=True):
        write_text(file, text)
    return written
