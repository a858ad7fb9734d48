"""Labelling in the browser: the pages of a project, what a person does to them, and their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clutter import labelled
from clutter.annotate import advice
from clutter.annotate.files import ChangedError, read
from clutter.annotate.project import ALL, NONE, Project
from clutter.errors import InputError, LabelledError

A = """\
# site: a.example
# read: no
# kind: article?0.91
nav?0.95\tHome
nav?0.61\tSport

title?0.90\tFerry stays in harbour
body?0.97\tThe ferry will not run.
teaser?0.55\tShare this
"""
B = """\
# site: a.example
# read: no
# kind: listing?0.55
nav?0.95\tHome
teaser?0.51\tSport
body?0.97\tAnother text.
teaser?0.55\tShare this
teaser?0.52\tShare  this
"""

Made = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Made:
    def make(**files: str) -> Project:
        for name, text in (files or {"a": A, "b": B}).items():
            (tmp_path / f"{name}.tsv").write_text(text, "utf-8")
        return Project(tmp_path)

    return make


def file_of(project: Project, number: int) -> str:
    return project.pages[number].path.read_text("utf-8")


def test_a_label_is_in_the_file_at_once_and_guesses_stay_guesses(make: Made) -> None:
    project = make()
    project.set_lines(0, [1], "ad")
    assert file_of(project, 0) == A.replace("nav?0.61\tSport", "ad\tSport")


def test_a_file_is_the_same_after_it_was_read_and_written(make: Made) -> None:
    mixed = A.replace("nav?0.95", "nav").replace("teaser?0.55", "?")
    project = make(a=mixed, c="# lang: en\nnav\tHome\nbody?0.43\tText\n?\tOdd\n")
    for page in project.pages:
        page.write()
    assert file_of(project, 0) == mixed
    assert file_of(project, 1) == "# lang: en\nnav\tHome\nbody?0.43\tText\n?\tOdd\n"


def test_lines_with_the_same_text_and_the_same_guess_are_set_together(make: Made) -> None:
    project = make()
    project.set_lines(0, [5], "nav")  # Share this, which is guessed to be a teaser
    assert "nav\tShare this" in file_of(project, 1)
    assert "nav\tShare  this" in file_of(project, 1)
    project.set_lines(0, [1], "ad")  # Sport is guessed to be something else on the other page
    assert "teaser?0.51\tSport" in file_of(project, 1)
    project.set_lines(0, [1], "ad", ALL)
    assert "ad\tSport" in file_of(project, 1)
    project.set_lines(0, [0], "meta", NONE)
    assert "nav?0.95\tHome" in file_of(project, 1)


def test_what_a_person_has_set_and_pages_that_are_read_are_never_set_together(make: Made) -> None:
    project = make(a=A, b=B, c="# read: yes\nteaser\tShare this\n")
    project.set_lines(1, [3], "comment", NONE)
    before = file_of(project, 2)
    project.set_lines(0, [5], "nav", ALL)
    assert "comment\tShare this" in file_of(project, 1)
    assert file_of(project, 2) == before


def test_undo_takes_back_a_change_on_all_pages_and_redo_makes_it_again(make: Made) -> None:
    project = make()
    project.set_lines(0, [5], "nav")
    project.mark(1, True)
    after = file_of(project, 0), file_of(project, 1)
    assert project.undo() and project.undo()
    assert (file_of(project, 0), file_of(project, 1)) == (A, B)
    assert project.undo() == []
    assert project.redo() and project.redo()
    found = file_of(project, 0), file_of(project, 1)
    assert found == after
    assert project.redo() == []
    project.undo()
    project.set_kind(0, "forum")
    assert project.redo() == []  # there is something new


def test_a_key_that_changes_nothing_is_not_undone(make: Made) -> None:
    project = make()
    project.set_lines(0, [0], "ad", NONE)
    assert project.set_lines(0, [0], "ad", NONE) == project.accept(0, [0]) == []
    project.undo()
    assert (file_of(project, 0), project.undo()) == (A, [])


def test_a_page_that_is_read_has_only_plain_labels_and_says_what_was_corrected(
    make: Made,
) -> None:
    project = make()
    project.set_lines(0, [1, 5], "nav", NONE)
    project.mark(0, True)
    page = labelled.read(project.pages[0].path)
    assert page.labels == ("nav", "nav", "", "title", "body", "nav")
    assert page.guesses == {}
    assert (page.head["read"], page.kind, page.head["corrected"]) == ("yes", "article", "1")
    assert [row["corrected"] for row in advice.curve(project.pages)] == [1]
    project.mark(0, False)
    page = labelled.read(project.pages[0].path)
    assert page.is_unread
    assert page.labels[0] == "nav"
    assert "corrected" not in page.head


def test_a_kind_that_the_model_doubts_stays_a_guess_until_a_person_says_it(make: Made) -> None:
    project = make()
    project.mark(1, True)
    assert "# kind: listing?0.55" in file_of(project, 1)
    project.set_kind(1, "forum")
    assert "# kind: forum\n" in file_of(project, 1)


def test_new_guesses_move_nothing_that_a_person_has_set(make: Made) -> None:
    project = make()
    project.set_lines(0, [0], "notice", NONE)
    project.mark(1, True)
    before = file_of(project, 1)
    new = [("ad", 0.99)] * 6
    project.take_guesses({"a.tsv": (new, ("forum", 0.7)), "b.tsv": (new[:5], ("forum", 0.7))})
    assert "notice\tHome\nad?0.99\tSport\n\nad?0.99\t" in file_of(project, 0)
    assert "# kind: forum?0.70" in file_of(project, 0)
    assert file_of(project, 1) == before
    project.undo()
    project.undo()
    assert "ad?0.99\tHome" in file_of(project, 0)


def test_guesses_for_other_lines_than_the_page_has_are_not_taken(make: Made) -> None:
    project = make()
    project.take_guesses({"a.tsv": ([("ad", 0.99)], ("forum", 0.7)), "none.tsv": ([], ("", 0))})
    assert file_of(project, 0) == A


def test_work_in_an_editor_is_read_and_not_overwritten(make: Made) -> None:
    project = make()
    path = project.pages[0].path
    edited = A.replace("title?0.90\tFerry", "title\tFerry")
    path.write_text(edited, "utf-8")
    assert project.page(0).set[3] == "title"
    project.set_lines(0, [0], "ad", NONE)
    path.write_text(edited.replace("body?0.97", "body"), "utf-8")
    with pytest.raises(ChangedError, match=r"a\.tsv: was changed by another program"):
        project.set_lines(1, [3], "nav")  # which is on that page too
    assert path.read_text("utf-8") == edited.replace("body?0.97", "body")
    assert file_of(project, 1) == B  # nothing of the change is left
    assert project.pages[0].set[4] == "body"


def test_a_file_that_an_editor_has_broken_keeps_no_guess_from_the_others(make: Made) -> None:
    project = make()
    project.pages[0].path.write_text("bdy\tText\n", "utf-8")
    new = {"a.tsv": ([("ad", 0.99)] * 6, ("forum", 0.7)), "b.tsv": ([("ad", 0.99)] * 5, ("", 0))}
    with pytest.raises(LabelledError, match=r"a\.tsv:1: unknown label 'bdy'"):
        project.take_guesses(new)
    assert file_of(project, 0) == "bdy\tText\n"
    assert "ad?0.99\tHome" in file_of(project, 1)


def test_a_line_that_a_page_repeats_thousands_of_times_is_set_at_once(make: Made) -> None:
    project = make(a="# read: no\n" + "nav?0.50\tReply\n" * 5000)
    started = time.perf_counter()
    project.set_lines(0, range(5000), "ad")
    assert time.perf_counter() - started < 5  # each line with each other: half a minute
    assert project.pages[0].left == []


def test_a_kind_that_was_left_open_on_purpose_stays_open(make: Made) -> None:
    project = make(a="# kind: ?\nnav\tHome\n")
    project.set_lines(0, [0], "ad")
    assert file_of(project, 0) == "# kind: ?\nad\tHome\n"


def test_a_file_that_was_deleted_is_written_again(make: Made) -> None:
    project = make()
    project.pages[0].path.unlink()
    project.set_lines(0, [0], "nav", NONE)
    assert file_of(project, 0).endswith("teaser?0.55\tShare this\n")


def test_a_file_that_cannot_be_written_changes_nothing(
    make: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make()
    write = labelled.write

    def full(page: labelled.LabelledPage, path: Path) -> None:
        if path.name == "b.tsv":
            raise OSError(28, "No space left on device", str(path))
        write(page, path)

    monkeypatch.setattr(labelled, "write", full)
    with pytest.raises(OSError, match="No space left"):
        project.set_lines(0, [5], "nav")
    assert (file_of(project, 0), file_of(project, 1)) == (A, B)
    assert project.pages[0].set[5] is None
    assert project.undo() == []


@pytest.mark.parametrize(
    ("rows", "label", "same"), [([2], "nav", NONE), ([99], "nav", NONE), ([0], "x", NONE),
                                ([0], "nav", "x"), ([-1], "nav", NONE)],
)  # fmt: skip
def test_unknown_labels_and_lines_are_refused(
    make: Made, rows: list[int], label: str, same: str
) -> None:
    project = make()
    with pytest.raises(InputError):
        project.set_lines(0, rows, label, same)
    with pytest.raises(InputError):
        project.page(2)
    with pytest.raises(InputError):
        project.set_kind(0, "essay")
    assert file_of(project, 0) == A


def test_files_of_the_command_label_are_read_if_nothing_is_left_to_decide(make: Made) -> None:
    project = make(
        a="nav\tHome\n?\tleft open on purpose\n", b="nav\tHome\nbody?0.43\tText\n", c="?\tText\n"
    )
    assert [page.is_read for page in project.pages] == [True, False, False]
    assert project.pages[2].left == [0]  # nobody has labelled the page: that is no decision
    project.set_lines(1, [1], "body", NONE)
    assert file_of(project, 1) == "nav\tHome\nbody\tText\n"


def test_all_malformed_files_are_named_at_once(make: Made) -> None:
    with pytest.raises(LabelledError) as caught:
        make(a="# read: maybe\nnav\tHome\n", b="bdy\tText\n")
    assert len(caught.value.problems) == 2
    assert "a.tsv:1: read is yes or no, not 'maybe'" in caught.value.problems[0]


def test_the_next_page_is_uncertain_and_unlike_those_that_were_read(make: Made) -> None:
    sure = "# read: no\n# kind: article?0.95\nbody?0.99\tCertain.\n"
    project = make(a=A, b=B, c=sure)
    first = advice.next_page(project.pages)
    assert first is not None
    assert (first.page, first.reason) == (1, "3 doubtful lines")
    project.mark(1, True)
    second = advice.next_page(project.pages)
    assert second is not None
    assert second.page == 0  # a page that repeats what was read teaches less
    new = (
        "2 doubtful lines, 2 lines that no page read so far has, the first page of the kind article"
    )
    assert second.reason == new
    project.mark(0, True)
    project.mark(2, True)
    assert advice.next_page(project.pages) is None


def test_a_page_knows_its_state(make: Made) -> None:
    page = read(make().pages[0].path, "a.tsv")
    assert page.left == [0, 1, 3, 4, 5]
    assert page.doubtful == [1, 5]
