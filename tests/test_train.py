"""Training: gradients that are right, samples that say what the pages say, and a model
that comes out the same every time.

Networks here are tiny and trained for a moment: the question is whether the parts do
what they promise, not how good a model gets.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clutter import LABELS, Model, labelled, train
from clutter.corpus import CorpusPage
from clutter.evaluate import evaluate
from clutter.features import N_SHAPE, split
from clutter.labelled import LabelledPage
from clutter.model import Layout, forward, weight_shapes
from clutter.train import Sample, TrainingError, cut_down, evidence, sample, self_labelled

PAGES = Path(__file__).parent.parent / "labelled" / "pages" / "en"


def one_hot(*names: str) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(name) for name in names]]


# --- the gradient -------------------------------------------------------------------


def random_network(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, Layout]:
    """Weights, inputs and sections of one, three and forty lines, in double precision."""
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(4, 5, 3, len(LABELS))
    weights = {name: rng.normal(0, 0.4, shape) for name, shape in shapes.items()}
    layout = Layout(np.array([0, 1, 4, 44]))
    return weights, rng.normal(0, 1, (44, 4 + N_SHAPE)), layout


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(seed):
    weights, x, layout = random_network(seed)
    rng = np.random.default_rng(seed + 100)
    target = rng.dirichlet(np.ones(len(LABELS)), 44)
    weight = rng.random(44)
    dropout = tuple((rng.random((44, 5)) > 0.2) / 0.8 for _ in range(2))

    def loss() -> float:
        guess = forward(weights, x, layout, [], dropout)
        return float(-((target * np.log(guess)).sum(axis=1) * weight).sum())

    tape: list[tuple[np.ndarray, ...]] = []
    guess = forward(weights, x, layout, tape, dropout)
    error = (guess - target) * weight[:, None]
    gradients, by_input = train.backward(weights, tape, layout, error, dropout)
    assert gradients.keys() == weights.keys()

    step = 1e-6
    for name, array in (*weights.items(), ("input", x)):
        gradient = by_input if name == "input" else gradients[name]
        assert gradient.shape == array.shape
        # a few numbers one by one, and all of them along a random direction
        moves = [rng.normal(0, 1, array.shape)]
        for place in rng.integers(0, array.size, 4):
            moves.append(np.zeros(array.shape))
            moves[-1].flat[place] = 1
        kept = array.copy()
        for move in moves:
            array[...] = kept + step * move
            above = loss()
            array[...] = kept - step * move
            below = loss()
            array[...] = kept
            slope = (above - below) / (2 * step)
            assert (gradient * move).sum() == pytest.approx(slope, rel=1e-4, abs=1e-5), name


def test_lines_of_other_sections_have_no_part_in_the_gradient():
    weights, x, layout = random_network(7)
    dropout = (np.ones((44, 5)), np.ones((44, 5)))
    tape: list[tuple[np.ndarray, ...]] = []
    error = forward(weights, x, layout, tape, dropout)
    error[:1] = error[4:] = 0  # only the second section's lines are wrong
    _, by_input = train.backward(weights, tape, layout, error, dropout)
    assert np.abs(by_input[[0, *range(4, 44)]]).max() < 1e-6
    assert np.abs(by_input[1:4]).max() > 1e-3


# --- pages -> samples ---------------------------------------------------------------


def test_a_sample_leaves_out_blank_lines_and_gives_unlabelled_ones_no_weight():
    made = sample("a.example", ["Home", "", "Text", "\u200b", "Odd"], ["nav", "", "body", "", "?"])
    assert made.lines == ["Home", "Text", "Odd"]
    assert made.weight.tolist() == [1, 1, 0]
    assert np.array_equal(made.target[:2], one_hot("nav", "body"))
    assert not made.target[2].any()
    assert (made.site, made.draw, made.whole) == ("a.example", 1, True)


@given(st.lists(st.tuples(st.text("a \u200b\u3000", max_size=4), st.sampled_from([*LABELS, "?"]))))
def test_every_other_line_keeps_its_label(rows):
    lines, labels = [line for line, _ in rows], [label for _, label in rows]
    made = sample("a.example", lines, labels)
    filled = [row for row in rows if split([row[0]]).number.size]
    assert made.lines == [line for line, _ in filled]
    for (_, label), target, weight in zip(filled, made.target, made.weight, strict=True):
        assert weight == target.sum() == (label != "?")
        assert label == "?" or LABELS[target.argmax()] == label


LONG = "A paragraph of some length, as a story's are. " * 4


def corpus_page(source: str, *rows: tuple[str, str, int | None]) -> CorpusPage:
    lines, labels, held = zip(*rows, strict=True)
    return CorpusPage("a", source, "a.example", "en", lines, labels, held)


# a source whose reference holds the paragraphs and none of the menu, however long
TRUSTED = corpus_page(
    "trusted", *[(LONG, "body", 1)] * 30, *[(LONG, "nav", 0)] * 30, *[("Home", "nav", 0)] * 30
)


def test_evidence_is_the_share_of_lines_that_references_hold():
    tables = evidence(
        [TRUSTED, corpus_page("other", *[(LONG, "body", 1), (LONG, "body", 0)] * 500)]
    )
    assert tables.keys() == {"", "trusted", "other"}
    for table in tables.values():
        assert table.shape == (len(LABELS), 5)
        assert ((table > 0) & (table < 1)).all()
    body = LABELS.index("body")
    assert tables[""][body, -1] == pytest.approx(530.5 / 1031)
    # twenty lines' worth of the others' say
    assert tables["trusted"][body, -1] == pytest.approx((30 + 20 * 530.5 / 1031) / 50)
    assert tables["other"][body, -1] == pytest.approx(0.5, abs=0.01)
    assert tables["trusted"][LABELS.index("nav"), 0] < 0.1


def test_lines_without_a_label_or_a_reference_are_no_evidence():
    tables = evidence([corpus_page("a", (LONG, "?", 1), (LONG, "body", None))])
    assert (tables["a"] == 0.5).all()


def test_the_reference_decides_what_the_guess_leaves_open():
    page = corpus_page(
        "trusted", (LONG, "?", 1), ("", "?", None), (LONG, "?", 0), (LONG, "?", None)
    )
    guess = np.zeros((3, len(LABELS)), np.float32)
    guess[:, [LABELS.index("body"), LABELS.index("nav")]] = 0.5
    made = self_labelled(page, guess, evidence([TRUSTED]))
    np.testing.assert_allclose(made.target.sum(axis=1), 1, atol=1e-6)
    assert [LABELS[row] for row in made.target[:2].argmax(axis=1)] == ["body", "nav"]
    assert made.target[:2].max(axis=1).min() > 0.9
    np.testing.assert_allclose(made.target[2], guess[2])  # no reference: the guess stands
    assert made.lines == [LONG] * 3
    assert (made.weight > 0).all()


def test_a_sure_guess_is_not_overruled_and_an_unknown_source_is_judged_by_all():
    page = corpus_page("never seen", (LONG, "?", 0), (LONG, "?", 1))
    guess = np.full((2, len(LABELS)), 1e-6, np.float32)
    guess[0, LABELS.index("body")] = guess[1, LABELS.index("nav")] = 1
    made = self_labelled(page, guess, evidence([TRUSTED]))
    assert [LABELS[row] for row in made.target.argmax(axis=1)] == ["body", "nav"]


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["Home", LONG]), st.sampled_from([0, 1, None])), min_size=1)
)
def test_self_labelled_lines_have_probabilities(rows):
    page = corpus_page("trusted", *((line, "?", held) for line, held in rows))
    guess = np.random.default_rng(1).dirichlet(np.ones(len(LABELS)), len(rows))
    made = self_labelled(page, guess, evidence([TRUSTED]))
    assert (made.target >= 0).all()
    np.testing.assert_allclose(made.target.sum(axis=1), 1, atol=1e-5)


# --- cutting pages down -------------------------------------------------------------

EXTRACTOR_SEEDS = [seed for seed in range(300) if np.random.default_rng(seed).random() < 0.3]
"""Seeds whose first number, which decides how a page is cut, calls for an extractor's cut."""


def labelled_sample(labels: list[str], whole: bool = True) -> Sample:
    lines = [f"line {i}" for i in range(len(labels))]
    return sample("a.example", lines, labels, whole=whole)


PAGE_LABELS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=80)


@settings(deadline=None)
@given(PAGE_LABELS, st.booleans(), st.integers(0, 10**6))
def test_what_is_left_of_a_page_are_lines_of_it_in_order(labels, whole, seed):
    rows = cut_down(labelled_sample(labels, whole), np.random.default_rng(seed))
    assert rows.size > 0
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0 and rows[-1] < len(labels)


@settings(deadline=None)
@given(PAGE_LABELS, st.sampled_from(EXTRACTOR_SEEDS))
def test_an_extractor_never_drops_the_article(labels, seed):
    rows = cut_down(labelled_sample(labels), np.random.default_rng(seed))
    body = {i for i, label in enumerate(labels) if label == "body"}
    assert body <= set(rows.tolist())


def test_an_extractor_drops_clutter_and_now_and_then_the_headline():
    page = labelled_sample(["nav", "nav", "title", "body", "body", "ad", "teaser"] * 5)
    left = [cut_down(page, np.random.default_rng(seed)) for seed in EXTRACTOR_SEEDS]
    assert np.mean([rows.size for rows in left]) < 0.8 * 35
    titles = [sum(int(row) % 7 == 2 for row in rows) for rows in left]
    assert set(titles) == {0, 5}
    assert titles.count(5) > titles.count(0) > 0


def test_a_page_that_is_no_whole_one_is_left_to_no_extractor():
    page = labelled_sample(["nav", "body", "ad"] * 5, whole=False)
    for seed in EXTRACTOR_SEEDS:
        assert cut_down(page, np.random.default_rng(seed)).tolist() == list(range(15))


def test_a_very_long_page_is_seen_in_parts():
    page = labelled_sample(["body"] * (train.CROP * 3))
    left = [cut_down(page, np.random.default_rng(seed)) for seed in range(40)]
    assert {rows.size for rows in left} == {train.CROP}
    assert all((np.diff(rows) == 1).all() for rows in left)
    assert len({int(rows[0]) for rows in left}) > 10


# --- training -----------------------------------------------------------------------


FULL_SIZE = {
    name: getattr(train, name)
    for name in ("VECTOR", "HIDDEN", "SUMMARY", "STEP_LINES", "RATE", "AVERAGED", "fit")
}
"""What ``small`` changes, as it is."""


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """A tiny network, trained for a moment, and the models of half the sites for less."""
    fit = train.fit

    def shorter(samples, steps, seed, tell):
        return fit(samples, 10 if steps == 200 else steps, seed, tell)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("VECTOR", 4), ("HIDDEN", 24), ("SUMMARY", 8), ("STEP_LINES", 300)):
            patch.setattr(train, name, value)
        patch.setattr(train, "RATE", 1e-2)
        patch.setattr(train, "AVERAGED", 0.1)
        patch.setattr(train, "how_many_steps", lambda samples: 100)
        patch.setattr(train, "fit", shorter)
        yield


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all([PAGES])


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(small, pages, told) -> Model:
    return train.train(pages[:14], tell=told.append)


def test_a_model_is_better_than_chance_on_pages_it_has_not_seen(trained, pages):
    scores = evaluate(trained, pages[14:])
    commonest = max(score.support for score in scores.by_label.values()) / scores.lines
    assert scores.accuracy > commonest + 0.05
    assert scores.kept_by_characters.f1 > scores.keep_everything


def test_a_model_says_what_it_was_made_of(trained, pages):
    about = trained.about
    assert about["pages"] == {"labelled": 14, "views": 0, "self-labelled": 0}
    assert about["labelled_lines"] == sum(
        bool(label) for page in pages[:14] for label in page.labels
    )
    assert about["sites"] == len({page.site for page in pages[:14]})
    assert about["languages"] == ["en"]
    assert 0 < about["held_out_by_site"]["accuracy"] <= 1
    json.dumps(about)


def test_training_tells_how_far_it_is(trained, told):
    assert told[0].startswith("14 pages of ")
    assert any(line.startswith("fold 2: step 10 of 10, loss ") for line in told)
    assert any("on sites not trained on: accuracy 0." in line for line in told)
    assert told[-1].startswith("model: step 100 of 100, loss ")


def test_the_same_pages_give_the_same_file(trained, small, pages, tmp_path):
    trained.save(tmp_path / "one")
    train.train(pages[:14]).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_processes_give_what_one_gives(pages, tmp_path):
    """Real ones, which know nothing of this module's small sizes."""
    samples = [sample(page.site, page.lines, page.labels) for page in pages[:4]]
    tasks = [(samples[:2], 2, 1), (samples[2:], 2, 2)]
    files = []
    for jobs in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in FULL_SIZE.items():
                patch.setattr(train, name, value)
            models = train._fit_all(tasks, jobs, "fold", lambda message: None)
        for number, model in enumerate(models):
            model.save(tmp_path / f"{jobs}-{number}")
            files.append((tmp_path / f"{jobs}-{number}").read_bytes())
    assert files[:2] == files[2:]
    assert files[0] != files[1]


def test_two_jobs_give_the_same_model_as_one(trained, small, pages, tmp_path):
    trained.save(tmp_path / "one")
    with joblib.parallel_config(backend="threading"):  # threads share the small sizes
        train.train(pages[:14], jobs=2).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_views_and_pages_with_a_reference_take_part(small, pages, told):
    labelled_page = corpus_page("trusted", *[(LONG, "body", 1), ("Home", "nav", 0)] * 5)
    aligned = corpus_page("trusted", *[(LONG, "?", 1), ("Home", "?", 0), ("", "?", None)] * 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples: 5)
        model = train.train(pages[:6], [labelled_page], [labelled_page], [aligned], seed=3)
    assert model.about["pages"] == {"labelled": 7, "views": 1, "self-labelled": 1}
    assert model.about["seed"] == 3
    assert len(model.label("Home\n\n" + LONG)) == 2


@pytest.mark.parametrize(
    ("rows", "sites", "reason"),
    [
        (200, 1, "200 labelled lines of 1 site"),
        (40, 2, "80 labelled lines of 2 site"),
        (0, 2, "0 labelled lines of 0 site"),
    ],
)
def test_too_little_to_learn_from_is_refused(rows, sites, reason):
    pages = [
        LabelledPage(f"{i}.tsv", {"site": f"{i}.example"}, ("Text",) * rows + ("Odd",),
                     ("body",) * rows + ("?",))
        for i in range(sites)
    ]  # fmt: skip
    with pytest.raises(TrainingError, match=reason):
        train.train(pages)


# --- the command --------------------------------------------------------------------


def run(output: Path, *paths: Path, corpus: Path | None = None) -> int:
    return train.main_train(
        Namespace(
            labelled=[str(path) for path in paths],
            output=str(output),
            corpus=None if corpus is None else str(corpus),
            seed=0,
            jobs=1,
        )
    )


def test_the_command_writes_the_model_and_tells_how_far_it_is(small, capsys, tmp_path):
    file = tmp_path / "mine.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples: 3)
        assert run(file, *sorted(PAGES.iterdir())[:6]) == 0
    out = capsys.readouterr()
    assert out.out == ""
    assert "model: step 3 of 3" in out.err
    assert out.err.endswith(f"wrote {file}\n")
    assert list(tmp_path.iterdir()) == [file]
    assert Model.load(file).about["pages"]["labelled"] == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nav\tHome\nbdy\tText\n", "mine.tsv:2: unknown label 'bdy'"),
        ("nav\tHome\n", "1 labelled lines of 1 site"),
        ("?\tText\n", "0 labelled lines of 0 site"),
        (None, "mine.tsv"),
    ],
    ids=["malformed", "too little", "unlabelled", "missing"],
)
def test_bad_input_is_one_line_and_leaves_no_file(capsys, tmp_path, content, reason):
    page = tmp_path / "mine.tsv"
    if content is not None:
        page.write_text(content)
    assert run(tmp_path / "mine.safetensors", page) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith("clutter")
    assert reason in out.err
    assert out.err.count("\n") == 1
    assert not (tmp_path / "mine.safetensors").exists()


def test_a_folder_that_is_no_corpus_is_one_line_too(capsys, tmp_path):
    (tmp_path / "labels.jsonl").write_text('{"id": "a", "lines": []}\n')
    (tmp_path / "mine.tsv").write_text("nav\tHome\n")
    assert run(tmp_path / "mine.safetensors", tmp_path, corpus=tmp_path) == 2
    message = capsys.readouterr().err
    assert "train.jsonl.gz: no such file" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "mine.safetensors").exists()


def test_an_output_that_cannot_be_written_is_one_line_too(trained, capsys, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", lambda *args: trained)
        assert run(tmp_path / "no folder" / "mine.safetensors", PAGES) == 2
    message = capsys.readouterr().err
    assert "no folder" in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
