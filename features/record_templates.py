"""Templates for somebody who starts: an empty CSV file of each table, a mapping to fill in, and a page on both.

Made from the contract (``schema.py``), so that they are never behind it.
"""

from __future__ import annotations

from pathlib import Path

from features.errors import UserError
from features.schema import TABLES, Column, Table

_MAPPING_HEAD = """\
# Your tables as records of the contract: apply it with
#
#     defuse map-records mapping.toml SOURCE OUT
#
# Put your column names between the quotation marks, take the # away where you have more, and delete tables that you do
# not have (only disputes must be there).  Columns of yours that are not named are never read.
#
# A column is the name of yours, or a table of keys:
#   column = "yours"                  or  columns = ["a", "b"] (an id joined from both), row = true (the number of the
#                                     row), constant = "grid"
#   prefix = "D"                      put before an id: ids begin with a letter
#   codes = { yours = "contract" }    "" as the contract's code means null
#   otherwise = "other"               for values that are no such code, or cannot be read; without it they are a fault
#   if_empty = "other"                where yours is empty
#   zone, format = "%d.%m.%Y %H:%M"   of times that are not RFC 3339; a date is midnight in the zone
#   day = "end"                       the last moment of that day: for what was known only in the evening
#   separator = ";"                   between the items of a list
#   factor = 10000                    yours times this, for another unit
#   bands = [7, 14, 28]               a number becomes how many of these it reaches: for a scale such as severity
# A source may also say: delimiter = ";", encoding = "gb18030", rows = { yours = ["A", "B"] } (only rows with one of
# these) and first_of = { each = "case_no", by = "entered" } (only the earliest row of each).  Several sources for one
# table: repeat its [[...]].

# Of dates, and of times without an offset.
zone = "Asia/Shanghai"
"""

_README = """\
# Records

{tables}

The five CSV files hold the column names of the contract and no row: fill them (UTF-8, empty = null, `true` / `false`, times
like `2024-05-01T09:30:00+08:00`, list items joined by a vertical bar), or leave them and map your own tables instead:

    defuse map-records mapping.toml SOURCE OUT

`SOURCE` is the folder with your files, `OUT` a new folder. Then look at what the door says:

    defuse validate OUT

What needs thought is the same either way. Every row has two clocks: when a thing happened, and when it was known. If a source
overwrites its rows, its history is lost: keep every version from now on. No column may hold what is refused (a name, an ID
card or phone number, ethnicity, diagnosis, criminal record, ...): a mapping cannot rename it into the records either.
Everything about columns and codes: `docs/reference/records.md`; about mappings: `docs/how-to/map-foreign-tables.md`.
"""


def write_templates(out: Path | str) -> tuple[Path, ...]:
    """The files written into the new or empty folder ``out``: five CSV files, ``mapping.toml`` and ``README.md``.

    Raises UserError where ``out`` holds something already.
    """
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty: name an empty or new folder")
    folder.mkdir(parents=True, exist_ok=True)
    listed = "\n".join(f"- `{table.name}`: {table.meaning}" for table in TABLES)
    texts = {f"{table.name}.csv": ",".join(table.names) + "\n" for table in TABLES}
    texts |= {"mapping.toml": mapping_template(), "README.md": _README.format(tables=listed)}
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return tuple(folder / name for name in texts)


def mapping_template() -> str:
    """A mapping with every table and column of the contract; what may be null is commented out."""
    return "\n".join([_MAPPING_HEAD, *(_table_template(table) for table in TABLES)])


def _table_template(table: Table) -> str:
    lines = [
        f"# {table.meaning}",
        f"[[{table.name}]]",
        f'file = "your_{table.name}.csv"',
        "",
        f"[{table.name}.columns]",
    ]
    for column in table.columns:
        lines += [f"# {column.meaning}: {column.allowed}", _column_template(column)]
    return "\n".join(lines) + "\n"


def _column_template(column: Column) -> str:
    line = f'{column.name} = "your_{column.name}"'
    if column.codes and not column.nullable:
        line = f'{column.name} = {{ column = "your_{column.name}", codes = {{ yours = "{column.codes[0]}" }} }}'
    return f"# {line}" if column.nullable else line
