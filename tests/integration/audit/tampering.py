"""Ways to tamper with what was published; each gives words that the first difference must hold."""

import json
import os
import random
import shutil

import duckdb

from plumbline.ledger import Record, canonical

NEXT = {
    "VARCHAR": "coalesce({0}, '') || 'x'",
    "BOOLEAN": "coalesce(NOT {0}, true)",
    "DATE": "coalesce({0} + 1, DATE '2026-01-01')",
    "TIMESTAMP": "coalesce({0} + INTERVAL 1 SECOND, TIMESTAMP '2026-01-01')",
}
ABOUT = {"available_table", "ledger", "mart_part", "publication", "publication_table"}
STAMPS = {"published_at", "publication_id"}


def values(copy, chance):
    return _in_a_table(copy, chance, "published", _change_a_value)


def rows_removed(copy, chance):
    return _in_a_table(copy, chance, "published", _remove_a_row)


def rows_doubled(copy, chance):
    return _in_a_table(copy, chance, "published", _double_a_row)


def rows_of_a_mart(copy, chance):
    return _in_a_table(copy, chance, "marts", _change_a_value)


def evidence_rows(copy, chance):
    path = _generation(copy, chance)
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE published.quality_result SET verdict = 'passed' WHERE verdict = 'skipped'")
    return "published.quality_result"


def stamps(copy, chance):
    path = _generation(copy, chance)
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE published.indicator_value SET publication_id = 'demo-000099'")
    return str(path)


def what_the_file_says_of_itself(copy, chance):
    path = _generation(copy, chance)
    with duckdb.connect(str(path)) as con:
        table = chance.choice(sorted(ABOUT - {"mart_part"}))
        _remove_a_row(con, chance, f"published.{table}", [])
    return str(path)


def bytes_of_a_generation(copy, chance):
    return str(_flip(_generation(copy, chance), chance))


def a_generation_removed(copy, chance):
    newest = copy.change(copy.shelf.database(2))
    newest.unlink()
    return str(newest)


def generations_exchanged(copy, chance):
    one, other = (copy.change(copy.shelf.database(number)) for number in (1, 2))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    return str(other)


def facts_beside_a_generation(copy, chance):
    path = copy.change(copy.shelf.facts(chance.choice([1, 2])))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["code_commit"] = "0" * 40
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def definitions(copy, chance):
    (path,) = copy.shelf.definitions.glob("*.json")
    content = json.loads(copy.change(path).read_text(encoding="utf-8"))
    metric = chance.choice(content["metrics"])
    metric["description"] = (metric["description"] or "") + " And tax."
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"the definition of {metric['name']} "


def measures(copy, chance):
    (path,) = copy.shelf.definitions.glob("*.json")
    content = json.loads(copy.change(path).read_text(encoding="utf-8"))
    model = chance.choice([model for model in content["semantic_models"] if model["measures"]])
    chance.choice(model["measures"])["expr"] = "42"
    path.write_text(json.dumps(content), encoding="utf-8")
    return "the copy of the metric definitions"


def definitions_removed(copy, chance):
    (path,) = copy.shelf.definitions.glob("*.json")
    copy.change(path).unlink()
    return "definitions"


def report(copy, chance):
    path = copy.change(chance.choice(sorted(copy.home.quality.glob("2*.html"))))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("failed", "passed") + "<!-- -->", encoding="utf-8")
    return str(path)


def report_removed(copy, chance):
    path = copy.change(chance.choice(sorted(copy.home.quality.glob("2*.html"))))
    path.unlink()
    return str(path)


def landed_bytes(copy, chance):
    return str(_flip(copy.change(chance.choice(_landed(copy, "data.parquet"))), chance))


def landed_removed(copy, chance):
    path = copy.change(chance.choice(_landed(copy, "*.*")))
    path.unlink()
    return str(path)


def landed_exchanged(copy, chance):
    """Another load's Parquet with a manifest that fits it."""
    one, other = chance.sample(_landed(copy, "data.parquet"), 2)
    shutil.copyfile(other, copy.change(one))
    manifest = copy.change(one.with_name("manifest.json"))
    shutil.copyfile(other.with_name("manifest.json"), manifest)
    return str(one.parent)


def manifest(copy, chance):
    path = copy.change(chance.choice(_landed(copy, "manifest.json")))
    content = json.loads(path.read_text(encoding="utf-8"))
    content[chance.choice(["rows", "bytes", "load"])] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def mart_parts(copy, chance):
    return str(_flip(copy.change(chance.choice(_parts(copy))), chance))


def mart_parts_removed(copy, chance):
    path = copy.change(chance.choice(_parts(copy)))
    path.unlink()
    return str(path)


def mart_parts_exchanged(copy, chance):
    one, other = chance.sample(_parts(copy), 2)
    shutil.copyfile(other, copy.change(one))
    return str(one)


def records_dropped(copy, chance):
    lines = _lines(copy)
    first = chance.randrange(len(lines) - 1)
    del lines[first : first + chance.choice([1, 1, 5])]
    _write(copy, lines)
    return "record"


def records_moved(copy, chance):
    lines = _lines(copy)
    one, other = sorted(chance.sample(range(len(lines)), 2))
    lines[one], lines[other] = lines[other], lines[one]
    _write(copy, lines)
    return "the ledger does not hold"


def records_repeated(copy, chance):
    lines = _lines(copy)
    lines.insert(chance.randrange(1, len(lines) + 1), chance.choice(lines))
    _write(copy, lines)
    return "the ledger does not hold"


def a_record_changed(copy, chance):
    lines = _lines(copy)
    place = chance.randrange(len(lines))
    lines[place] = _digit_changed(lines[place], chance)
    _write(copy, lines)
    return "the ledger does not hold"


def a_compiled_digest_changed(copy, chance):
    """In the newest publication, with a hash of its own that fits: only the witness can tell."""
    lines = _lines(copy)
    old = Record.parse(lines[-1])
    body = old.body
    metric = chance.choice(sorted(body["metrics"]))
    body["metrics"][metric]["sql_sha256"] = "0" * 64
    lines[-1] = _forged(old, body, old.prev).line
    _write(copy, lines)
    return f"record {old.seq}, which witness 'second_path' saw"


def a_record_hashed_again(copy, chance):
    lines = _lines(copy)
    place = chance.randrange(len(lines) - 1)
    old = Record.parse(lines[place])
    lines[place] = _forged(old, {**old.body, "note": "forged"}, old.prev).line
    _write(copy, lines)
    return f"record {old.seq + 1} does not follow the record before it"


def the_tail_cut(copy, chance):
    lines = _lines(copy)
    kept = chance.randrange(1, len(lines))
    _write(copy, lines[:kept])
    return "which witness 'second_path' saw"


def the_tail_cut_within_a_line(copy, chance):
    path = copy.change(copy.ledger.file)
    content = path.read_bytes()
    path.write_bytes(content[: -chance.randrange(2, 200)])
    return "which witness 'second_path' saw"


def the_chain_hashed_again(copy, chance):
    lines = _lines(copy)
    place = chance.randrange(len(lines))
    records = [Record.parse(line) for line in lines]
    prev = records[place].prev
    for index in range(place, len(lines)):
        body = records[index].body
        forged = _forged(records[index], {**body, "note": "forged"} if index == place else body, prev)
        lines[index], prev = forged.line, forged.hash
    _write(copy, lines)
    return "witness 'second_path' saw"


def the_ledger_removed(copy, chance):
    copy.change(copy.ledger.file).unlink()
    return "witness 'second_path' saw"


def a_witness_line_changed(copy, chance):
    lines = copy.change(copy.witness).read_bytes().splitlines()
    place = chance.randrange(len(lines))
    content = json.loads(lines[place])
    name = chance.choice(["seq", "hash", "first", "at", "prev"])
    content[name] = content[name] - 1 if name == "seq" else _other_digit(content[name], chance)
    lines[place] = canonical(content)
    copy.witness.write_bytes(b"".join(line + b"\n" for line in lines))
    return "witness"


def witness_lines_dropped(copy, chance):
    lines = copy.change(copy.witness).read_bytes().splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    copy.witness.write_bytes(b"".join(lines))
    return "witness"


def the_witness_removed(copy, chance):
    copy.change(copy.witness).unlink()
    return "witness 'second_path' has lost"


def the_link_moved(copy, chance):
    target = chance.choice(["gen-000001.duckdb", "gen-000099.duckdb", "../warehouse.duckdb"])
    copy.change(copy.shelf.link).unlink()
    os.symlink(target, copy.shelf.link)
    return "the link to the current generation points elsewhere"


def the_link_replaced_by_a_file(copy, chance):
    copy.change(copy.shelf.link).unlink()
    shutil.copyfile(copy.shelf.database(1), copy.shelf.link)
    return "nothing is current"


WAYS = [
    values,
    rows_removed,
    rows_doubled,
    rows_of_a_mart,
    evidence_rows,
    stamps,
    what_the_file_says_of_itself,
    bytes_of_a_generation,
    a_generation_removed,
    generations_exchanged,
    facts_beside_a_generation,
    definitions,
    measures,
    definitions_removed,
    report,
    report_removed,
    landed_bytes,
    landed_removed,
    landed_exchanged,
    manifest,
    mart_parts,
    mart_parts_removed,
    mart_parts_exchanged,
    records_dropped,
    records_moved,
    records_repeated,
    a_record_changed,
    a_compiled_digest_changed,
    a_record_hashed_again,
    the_tail_cut,
    the_tail_cut_within_a_line,
    the_chain_hashed_again,
    the_ledger_removed,
    a_witness_line_changed,
    witness_lines_dropped,
    the_witness_removed,
    the_link_moved,
    the_link_replaced_by_a_file,
]


def _generation(copy, chance):
    return copy.change(copy.shelf.database(chance.choice([1, 2, 2])))


def _in_a_table(copy, chance, schema, how):
    path = _generation(copy, chance)
    with duckdb.connect(str(path)) as con:
        found = con.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = ? AND estimated_size > 0 ORDER BY 1",
            [schema],
        ).fetchall()
        table = chance.choice([name for (name,) in found if name not in ABOUT])
        columns = con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ?",
            [schema, table],
        ).fetchall()
        evidence = {"quality_result", "extract", "reconciliation", "rejected_row"}
        kept = [column for column in columns if table in evidence or column[0] not in STAMPS]
        how(con, chance, f"{schema}.{table}", kept)
    return f"{schema}.{table}"


def _change_a_value(con, chance, table, columns):
    name, kind = chance.choice(columns)
    new = NEXT.get(kind, "coalesce({0} + 1, 1)").format(f'"{name}"')
    con.execute(f'UPDATE {table} SET "{name}" = {new} WHERE rowid = {_row(con, chance, table)}')


def _remove_a_row(con, chance, table, columns):
    con.execute(f"DELETE FROM {table} WHERE rowid = {_row(con, chance, table)}")


def _double_a_row(con, chance, table, columns):
    con.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE rowid = {_row(con, chance, table)}")


def _row(con, chance, table):
    (count,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return chance.randrange(count)


def _flip(path, chance):
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(content))
    return path


def _landed(copy, pattern):
    return sorted(path for path in copy.home.landing.rglob(pattern) if path.parent.name.startswith("load="))


def _parts(copy):
    return sorted(copy.shelf.marts.rglob("*.parquet"))


def _lines(copy):
    return copy.change(copy.ledger.file).read_bytes().splitlines()


def _write(copy, lines):
    copy.ledger.file.write_bytes(b"".join(line + b"\n" for line in lines))


def _forged(old, body, prev):
    record = Record(old.seq, old.at, old.kind, canonical(body), prev, "")
    return Record(old.seq, old.at, old.kind, record.text, prev, record.digest())


def _digit_changed(line, chance):
    text = line.decode()
    return _other_digit(text, chance).encode()


def _other_digit(text, chance):
    place = chance.choice([place for place, sign in enumerate(text) if sign in "0123456789"])
    return f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}"


def seeded(seed):
    return random.Random(seed)
