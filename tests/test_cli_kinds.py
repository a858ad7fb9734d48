"""Pages of some kinds only: ``clutter clean --kind``, with one page, many, records and runs.

The model takes every page for an article, but those with ``LISTING`` for listings.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Run, write
from networks import LISTING, model_of_kinds

from clutter.cleaning import load_model
from clutter.options import CleanOptions

PAGES = {"in/a.txt": "The ferry.\n", "in/b.txt": f"Ferries {LISTING}\n", "in/c.txt": "A mill.\n"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("model") / "kinds.safetensors")
    model_of_kinds().save(path)
    load_model(CleanOptions(model=path))  # processes that are copies of this one have it then
    return path


def articles(model: str) -> tuple[str, ...]:
    return ("--model", model, "--kind", "article")


def test_an_unknown_kind_is_refused_and_the_nearest_is_named(run: Run) -> None:
    status, out, err = run("clean", "--kind", "artcle", stdin=b"One")
    assert (status, out) == (2, b"")
    assert err.startswith("clutter: kinds: unknown kind 'artcle' (did you mean 'article'?); there")
    assert "no kind in ','; there are article, forum" in run("clean", "--kind", ",")[2]


def test_one_page_of_another_kind_gives_nothing_and_says_so(run: Run, model: str) -> None:
    write(PAGES | {"out.txt": "mine"})
    said = "in/b.txt: of another kind: listing; nothing is written\n"
    assert run("clean", "in/b.txt", *articles(model)) == (0, b"", said)
    assert run("clean", "in/b.txt", *articles(model), "--format", "json") == (0, b"", said)
    assert run("clean", "in/b.txt", *articles(model), "-o", "new.txt") == (0, b"", said)
    assert run("clean", "in/b.txt", *articles(model), "-o", "out.txt") == (0, b"", said)
    assert (Path("new.txt").exists(), Path("out.txt").read_text()) == (False, "mine")
    assert run("clean", "in/a.txt", *articles(model)) == (0, b"The ferry.\n", "")
    both = ("--model", model, "--kind", "listing, article")
    assert run("clean", "in/b.txt", *both) == (0, PAGES["in/b.txt"].encode(), "")


def test_of_several_pages_the_others_are_counted(run: Run, model: str) -> None:
    write(PAGES)
    status, out, err = run("clean", "in/b.txt", "in/a.txt", "in/c.txt", *articles(model))
    assert (status, err) == (0, "1 page of another kind: 1 listing\n")
    assert out == b"==> in/a.txt <==\nThe ferry.\n\n==> in/c.txt <==\nA mill.\n"


def test_a_stream_has_records_of_these_kinds_and_counts_the_others(run: Run, model: str) -> None:
    rows = [{"id": i, "text": text} for i, text in enumerate([*PAGES.values(), None])]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    status, out, err = run("clean", *articles(model), stdin=data)
    assert [json.loads(row)["id"] for row in out.splitlines()] == [0, 2]
    assert err.splitlines()[-1] == "1 page of another kind: 1 listing"
    assert (status, "4: no page: the field is empty" in err) == (0, True)
    # pages that are dropped are no failure, even if there is an error beside them
    status, out, err = run("clean", *articles(model), stdin=b"".join(data.splitlines(True)[1::2]))
    assert (status, out) == (0, b"")
    assert err.splitlines()[-1] == "1 page of another kind: 1 listing"


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out"])
def test_a_run_leaves_the_others_out_and_is_not_done_again(
    run: Run, model: str, output: str
) -> None:
    if output.endswith(".parquet"):
        pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
    write(PAGES)
    command = ("clean", "in", "-o", output, *articles(model))
    status, _, err = run(*command)
    assert (status, err.splitlines()[1]) == (0, "1 page of another kind: 1 listing")
    assert err.startswith("2 pages, 0 errors")
    if output == "out":
        assert sorted(path.name for path in Path("out").glob("*.txt")) == ["a.txt", "c.txt"]
        assert "3 pages unchanged, 0 cleaned" in run(*command)[2]
        # with other settings, all is done anew
        status, _, err = run("clean", "in", "-o", output, "--model", model)
        assert (status, Path("out/b.txt").read_text()) == (0, PAGES["in/b.txt"])
        return
    before = Path(output).read_bytes()
    err = run(*command)[2]
    assert "nothing is new" in err
    assert "1 page of another kind: 1 listing" in err
    assert Path(output).read_bytes() == before


def test_the_file_of_a_page_of_another_kind_is_left_and_named(run: Run, model: str) -> None:
    write(PAGES)
    assert run("clean", "in", "-o", "out", "--model", model)[0] == 0
    command = ("clean", "in", "-o", "out", *articles(model))
    for options in ((), ("--force",), ()):
        assert run(*command, *options)[0] == 0
        assert Path("out/b.txt").read_text() == PAGES["in/b.txt"]
        [error] = map(json.loads, Path("out.errors.jsonl").read_text().splitlines())
        assert error["file"] == "in/b.txt"
        assert error["error"] == (
            "of another kind: listing; the file out/b.txt that is there already was left"
        )
    Path("out/b.txt").unlink()
    assert "2 pages unchanged, 0 cleaned\n1 page of another kind: 1 listing" in run(*command)[2]
    assert "3 pages unchanged" in run(*command)[2]
    Path("in/b.txt").write_text("A ferry now.\n")
    assert "2 pages unchanged, 1 cleaned" in run(*command)[2]
    assert Path("out/b.txt").read_text() == "A ferry now.\n"


def test_tables_lose_the_rows_of_the_others_and_errors_keep_their_numbers(
    run: Run, model: str
) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra clutter[batch]")
    from pyarrow import parquet

    pages = [f"One {LISTING}", None, "Three."]
    parquet.write_table(pa.table({"id": ["x", "y", "z"], "text": pages}), "in.parquet")
    assert run("clean", "in.parquet", "-o", "out.parquet", *articles(model))[0] == 0
    [row] = parquet.read_table("out.parquet").to_pylist()
    assert (row["id"], row["text"], row["kind"]) == ("z", "Three.", "article")
    [error] = map(json.loads, Path("out.parquet.errors.jsonl").read_text().splitlines())
    assert (error["record"], error["id"]) == (2, "y")
    write({"none.jsonl": json.dumps({"text": LISTING}) + "\n"})
    assert run("clean", "none.jsonl", "-o", "none.parquet", *articles(model))[0] == 0
    assert parquet.read_table("none.parquet").num_rows == 0


def test_labels_name_the_kind_of_the_page(run: Run, model: str) -> None:
    write(PAGES)
    [line] = run("label", "in/b.txt", "--format", "jsonl", "--model", model)[1].splitlines()
    assert json.loads(line)["kind"] == "listing"
    assert run("label", "in/b.txt", "--format", "tsv", "--model", model)[1].startswith(
        b"# kind: listing\n"
    )
    out = run("label", "in/a.txt", "in/b.txt", "--format", "text", "--model", model)[1]
    assert out.startswith(b"==> in/a.txt (article) <==\n")
    assert b"\n==> in/b.txt (listing) <==\n" in out
    out = run("label", "in/a.txt", "--format", "color", "--model", model)[1]
    assert b"\n\nkind: article\n\n" in out
