"""Labelling in the browser: the model that learns while a person works."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from annotating import write_project
from networks import random_model

from clutter import Model, labelled
from clutter.annotate.project import Project
from clutter.annotate.tuner import MODEL_NAME, Job, Learned, Tuner, Worker, learn
from clutter.page import KINDS

pytest.importorskip("sklearn")

from training_for_a_moment import SITE, tiny_training

from clutter.training import tune


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_project(tmp_path)
    return Project(tmp_path)


def until_idle(tuner: Tuner) -> None:
    for _ in range(1000):
        if not tuner.is_learning:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the tuner does not end")


def test_pages_that_were_read_are_learned_and_the_others_guessed_anew(tmp_path: Path) -> None:
    job = Job(SITE[:4], {"x": SITE[4]}, None, tmp_path / MODEL_NAME)

    def right(answer: Learned) -> int:
        lines, kind = answer.guesses["x"]
        assert kind[0] in KINDS
        return sum(guess == label for (guess, _), label in zip(lines, SITE[4].labels, strict=True))

    before = learn(job._replace(read=[]))
    assert not job.output.exists()
    with tiny_training():
        after = learn(job)
    assert (before.problem, after.problem) == ("", "")
    assert right(after) > right(before)
    assert Model.load(job.output).metadata["pages"] == {"labelled": 4, "html": 0}


def test_the_model_is_the_one_that_the_command_train_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "MIN_STEPS", 3)
    base = tmp_path / "base.safetensors"
    random_model().save(base)
    job = Job(SITE[:2], {}, str(base), tmp_path / MODEL_NAME)
    assert learn(job).scores == {}
    assert set(learn(job._replace(forecast=True)).scores) == {"base", "tuned"}
    mine = Model.load(tmp_path / MODEL_NAME)
    same = tune.tune(Model.load(base), SITE[:2])
    assert (mine.ngram_vectors == same.ngram_vectors).all()


def test_a_model_of_the_users_own_is_not_overwritten(tmp_path: Path) -> None:
    output = tmp_path / MODEL_NAME
    random_model().save(output)
    before = output.read_bytes()
    answer = learn(Job(SITE[:1], {}, str(output), output))
    assert "is a model of your own; move it" in answer.problem
    assert output.read_bytes() == before


def test_a_base_that_is_no_model_is_told(tmp_path: Path) -> None:
    answer = learn(Job([], {}, str(tmp_path / "none.safetensors"), tmp_path / MODEL_NAME))
    assert "none.safetensors" in answer.problem


def test_only_pages_that_were_read_are_learned_from(project: Project) -> None:
    jobs: list[Job] = []

    def run(job: Job) -> Learned:
        jobs.append(job)
        return Learned()

    tuner = Tuner(project, None, run)
    project.mark(0, True)
    tuner.request()
    until_idle(tuner)
    tuner.close()
    [job] = jobs  # with one page, there is nothing to forecast
    assert [Path(page.name).name for page in job.read] == ["a.tsv"]
    assert set(job.others) == {"b.tsv", "c.tsv"}


def test_while_it_learns_only_the_newest_request_waits_and_then_it_measures(
    project: Project,
) -> None:
    started, may_end = threading.Event(), threading.Event()
    jobs: list[Job] = []

    def run(job: Job) -> Learned:
        jobs.append(job)
        started.set()
        may_end.wait(10)
        return Learned({"c.tsv": ([("ad", 0.9), ("ad", 0.6)], ("forum", 0.9))}, {"base": {}})

    tuner = Tuner(project, None, run)
    project.mark(0, True)
    tuner.request()
    started.wait(10)
    project.mark(1, True)
    for _ in range(3):
        tuner.request()
    may_end.set()
    until_idle(tuner)
    tuner.close()
    assert [(len(job.read), job.forecast) for job in jobs] == [(1, False), (2, False), (2, True)]
    assert tuner.round == 3
    assert "ad?0.90\tThe ferry" in project.pages[2].path.read_text("utf-8")


def test_what_goes_wrong_is_told_and_nothing_is_measured_then(project: Project) -> None:
    tuner = Tuner(project, None, lambda job: Learned(problem="no space left"))
    for number in (0, 1):
        project.mark(number, True)
    tuner.request()
    until_idle(tuner)
    tuner.close()
    assert (tuner.problem, tuner.round) == ("no space left", 1)


def test_the_labelled_files_are_those_that_train_reads(project: Project) -> None:
    project.mark(0, True)
    pages = labelled.read_all([project.folder])
    assert [page.is_unread for page in pages] == [False, True, True]
    left = labelled.unfinished(pages)
    assert [message.rsplit(": ", 1)[1] for message in left] == ["no)", "no)"]


def test_a_process_that_ends_is_told_and_started_again_by_the_next_job(tmp_path: Path) -> None:
    worker = Worker()
    answers: list[Learned] = []
    job = Job([], {"x": SITE[0]}, None, tmp_path / MODEL_NAME)
    thread = threading.Thread(target=lambda: answers.append(worker(job)))
    thread.start()
    while worker._process is None or not worker._process.is_alive():
        threading.Event().wait(0.01)
    worker._process.kill()
    thread.join()
    assert "the process that learns has ended" in answers[0].problem
    assert worker(job).guesses["x"][1][0] in KINDS
    worker.close()
    assert "has ended" in worker(job).problem
