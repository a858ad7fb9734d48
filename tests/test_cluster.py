"""The engines of clusters, each for real on this machine: what they give is what one process
gives.

Each engine first runs its example of docs/clusters.md, word for word but for the paths. Engines
that are not installed, and Spark without Java, are skipped.
"""

from __future__ import annotations

import functools
import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from documents import block

import clutter

pytest.importorskip("pyarrow", reason="needs the extra clutter[cluster]")
pytest.importorskip("turbohtml", reason="needs the extra clutter[html]")

import pyarrow as pa
from pyarrow import parquet

from clutter.arrow import clean_batches, clean_table, spark_schema
from clutter.errors import CleaningError
from clutter.formats.values import json_rows
from clutter.options import CleanOptions

ROOT = Path(__file__).parent.parent
OPTIONS = CleanOptions(html_field="content")
"""The settings of README's examples."""

Row = dict[str, Any]

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning")


def page(n: int) -> str:
    """The HTML of an article about ferry number n, with what stands around it."""
    crossings = "".join(
        f"<p>On crossing {i} the ferry of line {n} left the harbour {i + n} minutes late, and the "
        f"{40 + i} passengers on board were told that the storm had not yet passed.</p>"
        for i in range(1, 3 + n % 4)
    )
    return (
        f"<!doctype html><title>Ferry {n} - Coast</title><nav><ul><li><a href=/>Home</a>"
        "<li><a href=/sport>Sport</a><li><a href=/login>Log in</a></ul></nav><article>"
        f"<h1>Ferry {n} is late again</h1>{crossings}</article>"
        "<footer>© 2026 Coast Daily. All rights reserved.</footer>"
    )


@pytest.fixture(scope="module")
def table() -> Any:
    """A table as a crawler leaves it: bytes, of which some are no page, one missing, one empty,
    and a column with a name that the clean records need themselves."""
    pages: list[bytes | None] = [page(n).encode() for n in range(60)]
    pages[7], pages[31], pages[44] = b"%PDF-1.7 ...", None, b""
    numbers = range(len(pages))
    return pa.table(
        {
            "id": [f"page-{n:02}" for n in numbers],
            "title": [f"Ferry {n} - Coast" if n % 3 else None for n in numbers],
            "content": pages,
            "links": [[n, n + 1] if n % 5 else None for n in numbers],
            "fetched": [datetime(2026, 5, 1, n % 24, tzinfo=UTC) for n in numbers],
        }
    )


@pytest.fixture(scope="module")
def expected(table: Any) -> list[Row]:
    """What one process makes of the table."""
    rows: list[Row] = clean_table(table, OPTIONS).to_pylist()
    reasons = {None, "not HTML, but a PDF", "no page: the field is empty"}
    assert {row["error"] for row in rows} == reasons
    return rows


LINES = CleanOptions(html_field="content", lines=True)


@pytest.fixture(scope="module")
def with_lines(table: Any) -> Any:
    """What one process makes of the table, with the lines of each page."""
    return clean_table(table, LINES).sort_by("id")


def json_rows_of(table: Any) -> list[Row]:
    return [row for batch in table.to_batches() for row in json_rows(batch)]


def assert_same_columns(found: Any, with_lines: Any) -> None:
    """A table of an engine has the columns, types and values of one process."""
    found = found.sort_by("id")
    assert found.schema.names == with_lines.schema.names
    for name in ("text", "title", "kind", "metadata", "lines", "error"):
        types = [str(table.schema.field(name).type) for table in (found, with_lines)]
        assert types[0].replace("element: ", "item: ") == types[1]
    names = ["id", "text", "title", "kind", "metadata", "lines", "error"]
    rows, right = (json_rows_of(table.select(names)) for table in (found, with_lines))
    assert rows == right


@pytest.fixture
def folder(table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an example finds ``pages/``: the table in three files, one with a row only."""
    monkeypatch.chdir(tmp_path)
    Path("pages").mkdir()
    for i, (start, stop) in enumerate([(0, 1), (1, 40), (40, 60)]):
        parquet.write_table(table.slice(start, stop - start), f"pages/{i}.parquet")
    return tmp_path


def example(heading: str, folder: Path) -> None:
    """Run an example of docs/clusters.md, with the paths below this folder."""
    try:
        code = block("docs/clusters.md", heading)
    except LookupError:
        pytest.skip(f"docs/clusters.md has no example {heading!r}")
    for name in ("pages/", "clean/", "dropped/"):
        code = code.replace(f'"{name}"', repr(str(folder / name)))
    exec(compile(code, f"docs/clusters.md, {heading}", "exec"), {"__name__": "__main__"})


def read(folder: Path) -> list[Row]:
    """The records of a folder of Parquet files, sorted by their id."""
    files = folder.glob("*.parquet")
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    return sorted(rows, key=lambda row: str(row["id"]))


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    """Processes that an engine starts run this Python and find this ``clutter``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        # an engine must not need to be told
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            patch.delenv(name, raising=False)
        yield


# Spark


@pytest.fixture(scope="module")
def spark(workers: None) -> Iterator[Any]:
    """Spark on two cores of this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra clutter[cluster]")
    pytest.importorskip("pandas", reason="mapInArrow of Spark needs pandas")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    builder = sql.SparkSession.builder.master("local[2]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        # half of the time goes by in starting Java: it need not compile as for days of work
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.files.openCostInBytes": "134217728",  # a partition a file
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_spark_gives_the_records_of_one_process(
    spark: Any, folder: Path, expected: list[Row]
) -> None:
    example("Spark", folder)
    assert read(folder / "clean") == expected


def test_spark_gives_lines_too_and_leaves_other_columns_as_they_were(
    spark: Any, folder: Path, table: Any
) -> None:
    options = CleanOptions(html_field="content", lines=True)
    pages = spark.read.parquet(str(folder / "pages")).drop("fetched")
    pages = pages.filter("id > 'page-03'")  # which leaves nothing of the first file
    schema = spark_schema(pages.schema, options)
    rows = pages.mapInArrow(functools.partial(clean_batches, options=options), schema).collect()
    assert schema["links"] == pages.schema["links"]
    assert schema["original_title"].dataType == pages.schema["title"].dataType
    found = sorted((row.asDict(recursive=True) for row in rows), key=lambda row: row["id"])
    expected = clean_table(table.slice(4).drop_columns(["fetched"]), options).to_pylist()
    assert found == expected


def test_spark_gives_the_columns_and_types_of_one_process(
    spark: Any, folder: Path, with_lines: Any
) -> None:
    pages = spark.read.parquet(str(folder / "pages"))
    clean = functools.partial(clean_batches, options=LINES)
    clean_pages = pages.mapInArrow(clean, spark_schema(pages.schema, LINES))
    clean_pages.write.parquet(str(folder / "clean"))
    files = sorted((folder / "clean").glob("*.parquet"))
    found = pa.concat_tables([parquet.read_table(file) for file in files])
    assert_same_columns(found, with_lines)


def test_spark_batches_may_be_larger_and_its_columns_of_another_kind(spark: Any) -> None:
    frame = spark.sql(
        "SELECT id, CAST(concat('Home\n\nThe harbour of town ', id, ' was closed on Monday, after "
        "the storm had torn the ferry from its moorings.') AS BINARY) AS `the page`, "
        "map('a', id) AS fields, CAST(id AS DECIMAL(9, 2)) AS price FROM range(0, 700, 1, 2)"
    )
    options = CleanOptions(text_field="the page")
    clean = frame.mapInArrow(
        functools.partial(clean_batches, options=options), spark_schema(frame.schema, options)
    )
    rows = clean.sort("id").collect()
    assert [row.id for row in rows] == list(range(700))
    expected = clutter.clean(bytes(frame.sort("id").collect()[5]["the page"]).decode())
    assert (rows[5].text, rows[5].fields, str(rows[5].price)) == (expected, {"a": 5}, "5.00")


def test_spark_hears_at_once_that_no_column_holds_the_page(spark: Any) -> None:
    with pytest.raises(CleaningError, match="no field 'html' or 'text'; there are: id"):
        spark_schema(spark.range(3).schema)


def test_a_model_may_be_sent_along(spark: Any, folder: Path, expected: list[Row]) -> None:
    from pyspark import SparkFiles

    model = clutter.load()
    model.save("my.safetensors")
    spark.sparkContext.addFile(str(folder / "my.safetensors"))

    def clean(batches: Iterator[Any]) -> Iterator[Any]:
        options = CleanOptions(html_field="content", model=SparkFiles.get("my.safetensors"))
        return clean_batches(batches, options)

    pages = spark.read.parquet(str(folder / "pages"))
    rows = pages.mapInArrow(clean, spark_schema(pages.schema, OPTIONS)).select("text").collect()
    assert {row.text for row in rows} == {row["text"] for row in expected}


# Ray Data, Dask


def test_ray_gives_the_records_of_one_process(folder: Path, expected: list[Row]) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra clutter[cluster]")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        example("Ray Data", folder)
    finally:
        ray.shutdown()
    assert read(folder / "clean") == expected


def test_dask_gives_the_records_of_one_process(folder: Path, expected: list[Row]) -> None:
    dask = pytest.importorskip("dask", reason="needs the extra clutter[cluster]")
    pytest.importorskip("dask.dataframe", reason="needs pandas", exc_type=ImportError)
    with dask.config.set(scheduler="processes", num_workers=2):
        example("Dask", folder)
    assert read(folder / "clean") == expected


def test_ray_gives_the_columns_and_types_of_one_process(folder: Path, with_lines: Any) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra clutter[cluster]")
    pytest.importorskip("ray.data")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        pages = ray.data.read_parquet(str(folder / "pages"))
        clean = pages.map_batches(clean_table, batch_format="pyarrow", fn_kwargs={"options": LINES})
        found = pa.concat_tables(ray.get(clean.to_arrow_refs()))
    finally:
        ray.shutdown()
    assert_same_columns(found, with_lines)


def test_dask_gives_the_columns_and_types_of_one_process(folder: Path, with_lines: Any) -> None:
    dask = pytest.importorskip("dask", reason="needs the extra clutter[cluster]")
    dataframe = pytest.importorskip("dask.dataframe", reason="needs pandas", exc_type=ImportError)
    pandas = pytest.importorskip("pandas")

    def clean(part: Any) -> Any:
        table = clean_table(pa.Table.from_pandas(part, preserve_index=False), LINES)
        return table.to_pandas(types_mapper=pandas.ArrowDtype)

    pages = dataframe.read_parquet(str(folder / "pages"), dtype_backend="pyarrow")
    with dask.config.set(scheduler="synchronous"):
        pages.map_partitions(clean).to_parquet(str(folder / "clean"), write_index=False)
    files = sorted((folder / "clean").glob("*.parquet"))
    found = pa.concat_tables([parquet.read_table(file) for file in files])
    assert_same_columns(found, with_lines)


# datatrove


def test_datatrove_gives_the_fields_of_one_process(table: Any, with_lines: Any) -> None:
    pytest.importorskip("datatrove", reason="needs the extra clutter[cluster]")
    from datatrove.data import Document

    from clutter.datatrove import CleanPages

    pages = [row for row in table.to_pylist() if row["content"]]
    data = [
        Document(row["content"], row["id"], metadata={"title": row["title"], "links": row["links"]})
        for row in pages
    ]
    found = [
        {"id": one.id, "text": one.text} | one.metadata
        for one in CleanPages(html=True, lines=True)(iter(data))
    ]
    names = ["id", "text", "original_title", "links", "title", "kind", "metadata", "lines"]
    rows = [row for row in json_rows_of(with_lines) if row["text"]]
    expected = [{name: row[name] for name in names} for row in rows]
    assert [list(row) for row in found] == [names] * len(expected)
    assert [list(line) for row in found for line in row["lines"]] == [
        list(line) for row in expected for line in row["lines"]
    ]
    assert found == expected


def test_datatrove_gives_the_records_of_one_process(
    table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datatrove", reason="needs the extra clutter[cluster]")
    pytest.importorskip("orjson", reason="JSON lines of datatrove need orjson")
    monkeypatch.chdir(tmp_path)
    # JSON holds text, no bytes
    texts = table.set_column(2, "content", table["content"].cast(pa.string()))
    expected = [row for row in clean_table(texts, OPTIONS).to_pylist() if row["text"]]
    rows = [row | {"fetched": row["fetched"].isoformat()} for row in texts.to_pylist()]
    Path("pages").mkdir()
    for i in range(2):
        lines = [json.dumps(row) + "\n" for row in rows[i::2]]
        Path(f"pages/{i}.jsonl").write_text("".join(lines))
    example("datatrove", tmp_path)
    names = ("title", "kind", "metadata", "original_title", "links")
    found = [
        {"id": x["id"], "text": x["text"]} | {name: x["metadata"][name] for name in names}
        for x in documents(tmp_path / "clean")
    ]
    assert found == [{key: row[key] for key in found[0]} for row in expected]
    # those that have no text at all do not even get through the reader
    (dropped,) = documents(tmp_path / "dropped")
    assert (dropped["id"], dropped["text"]) == ("page-07", "%PDF-1.7 ...")
    assert dropped["metadata"]["filter_reason"] == "nothing is kept"


def documents(folder: Path) -> list[Row]:
    files = [gzip.decompress(file.read_bytes()) for file in folder.glob("*.jsonl.gz")]
    rows = [json.loads(line) for file in files for line in file.splitlines()]
    return sorted(rows, key=lambda row: str(row["id"]))
