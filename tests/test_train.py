"""Training: gradients that are right, samples that say what the pages say, and a model
that comes out the same every time.

Networks here are tiny and trained for a moment: the question is whether the parts do
what they promise, not how good a model gets.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clutter
from clutter import LABELS, Model, cli, features, labelled
from clutter.errors import MissingLibraryError, TrainingError
from clutter.features import split
from clutter.labelled import LabelledPage
from clutter.markup import MARKUP_FEATURE_NAMES
from clutter.network import Layout, forward, weight_shapes
from clutter.training import corpus, fit, samples, train
from clutter.training.evaluate import evaluate
from clutter.training.gradients import backward
from clutter.training.samples import Sample, augment, html_samples, sample, text_samples
from clutter.training.tune import tune

PAGES = Path(__file__).parent.parent / "labelled" / "pages" / "en"


def one_hot(*names: str) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[[LABELS.index(name) for name in names]]


# --- the gradient -------------------------------------------------------------------


def random_network(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, Layout]:
    """Weights, inputs and sections of one, three and forty lines, in double precision."""
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(4, 2, 5, 3, len(LABELS))
    weights = {name: rng.normal(0, 0.4, shape) for name, shape in shapes.items()}
    layout = Layout(np.array([0, 1, 4, 44]))
    return weights, rng.normal(0, 1, (44, len(weights["in_w"]))), layout


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(seed: int) -> None:
    weights, x, layout = random_network(seed)
    rng = np.random.default_rng(seed + 100)
    target = rng.dirichlet(np.ones(len(LABELS)), 44)
    weight = rng.random(44)
    one, two = ((rng.random((44, 5)) > 0.2) / 0.8 for _ in range(2))
    dropout = (one, two)

    def loss() -> float:
        guess = forward(weights, x, layout, [], dropout)
        return float(-((target * np.log(guess)).sum(axis=1) * weight).sum())

    tape: list[tuple[np.ndarray, ...]] = []
    guess = forward(weights, x, layout, tape, dropout)
    error = (guess - target) * weight[:, None]
    gradients, by_input = backward(weights, tape, layout, error, dropout)
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


def test_lines_of_other_sections_have_no_part_in_the_gradient() -> None:
    weights, x, layout = random_network(7)
    dropout = (np.ones((44, 5)), np.ones((44, 5)))
    tape: list[tuple[np.ndarray, ...]] = []
    error = forward(weights, x, layout, tape, dropout)
    error[:1] = error[4:] = 0  # only the second section's lines are wrong
    _, by_input = backward(weights, tape, layout, error, dropout)
    assert np.abs(by_input[[0, *range(4, 44)]]).max() < 1e-6
    assert np.abs(by_input[1:4]).max() > 1e-3


# --- pages -> samples ---------------------------------------------------------------


def test_a_sample_leaves_out_blank_lines_and_gives_unlabelled_ones_no_weight() -> None:
    made = sample("a.example", ["Home", "", "Text", "\u200b", "Odd"], ["nav", "", "body", "", "?"])
    assert made.lines == ["Home", "Text", "Odd"]
    assert made.weight.tolist() == [1, 1, 0]
    assert np.array_equal(made.target[:2], one_hot("nav", "body"))
    assert not made.target[2].any()
    assert (made.site, made.sampling_weight, made.whole) == ("a.example", 1, True)


def test_a_page_that_names_its_html_is_learned_from_twice(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<nav>Home</nav><p class=lead>Text</p><p>\u200b</p><p>New")
    page = LabelledPage(
        str(tmp_path / "a.tsv"), {"html": "a.html"}, ("Home", "Text"), ("nav", "body")
    )
    (plain,), (marked,) = text_samples([page]), html_samples([page])
    assert (plain.lines, plain.markup) == (["Home", "Text"], None)
    assert marked.lines == ["Home", "Text", "New"]
    assert marked.weight.tolist() == [1, 1, 0]
    assert np.array_equal(marked.target[:2], one_hot("nav", "body"))
    assert marked.markup is not None
    assert len(marked.markup.features) == 3
    assert marked.markup.features[0, MARKUP_FEATURE_NAMES.index("in nav")] == 1
    assert not marked.whole


@given(st.lists(st.tuples(st.text("a \u200b\u3000", max_size=4), st.sampled_from([*LABELS, "?"]))))
def test_every_other_line_keeps_its_label(rows: list[tuple[str, str]]) -> None:
    lines, labels = [line for line, _ in rows], [label for _, label in rows]
    made = sample("a.example", lines, labels)
    filled = [row for row in rows if split([row[0]]).number.size]
    assert made.lines == [line for line, _ in filled]
    for (_, label), target, weight in zip(filled, made.target, made.weight, strict=True):
        assert weight == target.sum() == (label != "?")
        assert label == "?" or LABELS[target.argmax()] == label


# --- cutting pages down -------------------------------------------------------------

EXTRACTOR_SEEDS = [seed for seed in range(300) if np.random.default_rng(seed).random() < 0.3]
"""Seeds whose first number, which decides how a page is cut, calls for an extractor's cut."""


def labelled_sample(labels: list[str], whole: bool = True) -> Sample:
    lines = [f"line {i}" for i in range(len(labels))]
    return sample("a.example", lines, labels, whole=whole)


PAGE_LABELS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=80)


@settings(deadline=None)
@given(PAGE_LABELS, st.booleans(), st.integers(0, 10**6))
def test_what_is_left_of_a_page_are_lines_of_it_in_order(
    labels: list[str], whole: bool, seed: int
) -> None:
    rows = augment(labelled_sample(labels, whole), np.random.default_rng(seed))
    assert rows.size > 0
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0 and rows[-1] < len(labels)


@settings(deadline=None)
@given(PAGE_LABELS, st.sampled_from(EXTRACTOR_SEEDS))
def test_an_extractor_never_drops_the_article(labels: list[str], seed: int) -> None:
    rows = augment(labelled_sample(labels), np.random.default_rng(seed))
    body = {i for i, label in enumerate(labels) if label == "body"}
    assert body <= set(rows.tolist())


def test_an_extractor_drops_clutter_and_now_and_then_the_headline() -> None:
    page = labelled_sample(["nav", "nav", "title", "body", "body", "ad", "teaser"] * 5)
    left = [augment(page, np.random.default_rng(seed)) for seed in EXTRACTOR_SEEDS]
    assert np.mean([rows.size for rows in left]) < 0.8 * 35
    titles = [sum(int(row) % 7 == 2 for row in rows) for rows in left]
    assert set(titles) == {0, 5}
    assert titles.count(5) > titles.count(0) > 0


def test_a_page_that_is_no_whole_one_is_left_to_no_extractor() -> None:
    page = labelled_sample(["nav", "body", "ad"] * 5, whole=False)
    for seed in EXTRACTOR_SEEDS:
        assert augment(page, np.random.default_rng(seed)).tolist() == list(range(15))


def test_a_very_long_page_is_seen_in_parts() -> None:
    page = labelled_sample(["body"] * (samples.MAX_LINES * 3))
    left = [augment(page, np.random.default_rng(seed)) for seed in range(40)]
    assert {rows.size for rows in left} == {samples.MAX_LINES}
    assert all((np.diff(rows) == 1).all() for rows in left)
    assert len({int(rows[0]) for rows in left}) > 10


# --- training -----------------------------------------------------------------------


SMALL = {
    "NGRAM_SIZE": 4,
    "MARKUP_SIZE": 4,
    "HIDDEN": 24,
    "SUMMARY": 8,
    "STEP_LINES": 300,
    "LEARNING_RATE": 1e-2,
    "AVERAGED_SHARE": 0.1,
}
FULL_SIZE = {name: getattr(fit, name) for name in (*SMALL, "fit")}
"""What ``small`` changes, as it is."""


@contextlib.contextmanager
def messages() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    logged: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    logger, handler = logging.getLogger("clutter"), Collect()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logged
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """A tiny network, trained for a moment, and the models of half the sites for less."""
    whole = fit.fit

    def shorter(samples: list[Sample], steps: int, *rest: Any) -> fit.TrainedNetwork:
        return whole(samples, 10 if steps == 200 else steps, *rest)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setattr(fit, name, value)
        patch.setattr(train, "how_many_steps", lambda samples, most: 100)
        patch.setattr(fit, "fit", shorter)
        yield


@pytest.fixture(scope="module")
def pages() -> list[LabelledPage]:
    return labelled.read_all([PAGES])


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def trained(small: None, pages: list[LabelledPage], told: list[str]) -> Model:
    with messages() as logged:
        model = train.train(pages[:14])
    told += logged
    return model


def test_a_model_is_better_than_chance_on_pages_it_has_not_seen(
    trained: Model, pages: list[LabelledPage]
) -> None:
    scores = evaluate(trained, pages[14:])
    commonest = max(score.support for score in scores.by_label.values()) / scores.lines
    assert scores.accuracy > commonest + 0.05
    assert scores.kept_by_characters.f1 > scores.keep_everything


def test_a_model_says_what_it_was_made_of(trained: Model, pages: list[LabelledPage]) -> None:
    about = trained.metadata
    assert about["pages"] == {"labelled": 14, "views": 0, "html": 0}
    assert about["labelled_lines"] == sum(
        bool(label) for page in pages[:14] for label in page.labels
    )
    assert about["sites"] == len({page.site for page in pages[:14]})
    assert about["languages"] == ["en"]
    assert 0 < about["held_out_by_site"]["accuracy"] <= 1
    json.dumps(about)


def test_training_tells_how_far_it_is(trained: Model, told: list[str]) -> None:
    assert told[0].startswith("14 pages of ")
    assert any(line.startswith("fold 2: step 10 of 10, loss ") for line in told)
    assert any("on sites not trained on: accuracy 0." in line for line in told)
    assert told[-1].startswith("model: step 100 of 100, loss ")


def test_the_same_pages_give_the_same_file(
    trained: Model, small: None, pages: list[LabelledPage], tmp_path: Path
) -> None:
    trained.save(tmp_path / "one")
    train.train(pages[:14]).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_processes_give_what_one_gives(pages: list[LabelledPage], tmp_path: Path) -> None:
    """Real ones, which know nothing of this module's small sizes."""
    samples = [sample(page.site, page.lines, page.labels) for page in pages[:4]]
    tasks = [(samples[:2], 2, 1), (samples[2:], 2, 2)]
    files = []
    for jobs in (1, 2):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in FULL_SIZE.items():
                patch.setattr(fit, name, value)
            models = fit.fit_all(tasks, jobs, "fold")
        for number, model in enumerate(models):
            model.save(tmp_path / f"{jobs}-{number}")
            files.append((tmp_path / f"{jobs}-{number}").read_bytes())
    assert files[:2] == files[2:]
    assert files[0] != files[1]


def test_two_jobs_give_the_same_model_as_one(
    trained: Model, small: None, pages: list[LabelledPage], tmp_path: Path
) -> None:
    trained.save(tmp_path / "one")
    with joblib.parallel_config(backend="threading"):  # threads share the small sizes
        train.train(pages[:14], jobs=2).save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_views_take_part(small: None, pages: list[LabelledPage]) -> None:
    view = LabelledPage("a", {}, ("Home", "", "A story's line."), ("nav", "", "body"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples, most: 5)
        model = train.train(pages[:6], [view], seed=3)
    assert model.metadata["pages"] == {"labelled": 6, "views": 1, "html": 0}
    assert model.metadata["seed"] == 3


def test_markup_is_learned(small: None, tmp_path: Path) -> None:
    """Lines that only their class tells apart."""
    pages = []
    for i in range(12):
        kinds = np.random.default_rng(i).permutation(["nav", "body"] * 10)
        rows = "".join(
            f'<div class="{"menu" if kind == "nav" else "story"}">Word</div>' for kind in kinds
        )
        (tmp_path / f"{i}.html").write_text(rows)
        head = {"html": f"{i}.html", "site": f"{i}.example"}
        name = str(tmp_path / f"{i}.tsv")
        pages.append(LabelledPage(name, head, ("Word",) * 20, tuple(kinds.tolist())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples, most: 300)
        model = train.train(pages[:10])
    right = 0
    for page in pages[10:]:
        found = model.label_html((tmp_path / page.head["html"]).read_bytes())
        right += sum(
            line.label == label for line, label in zip(found.lines, page.labels, strict=True)
        )
    assert right > 35
    tuned = tune(model, pages[10:])
    assert tuned.html is not None
    assert model.html is not None
    assert np.array_equal(tuned.html.markup_scale, model.html.markup_scale)
    assert (tuned.html.markup_vectors != model.html.markup_vectors).any()
    tuned.save(tmp_path / "m.safetensors")
    again = Model.load(tmp_path / "m.safetensors")
    assert again.html is not None
    assert again.html.metadata == tuned.html.metadata
    assert np.array_equal(again.html.markup_vectors, tuned.html.markup_vectors)
    assert again.markup_vectors.shape[1] == 0


@pytest.mark.parametrize(
    ("rows", "sites", "reason"),
    [
        (200, 1, "200 labelled lines of 1 site"),
        (40, 2, "80 labelled lines of 2 site"),
        (0, 2, "0 labelled lines of 0 site"),
    ],
)
def test_too_little_to_learn_from_is_refused(rows: int, sites: int, reason: str) -> None:
    pages = [
        LabelledPage(f"{i}.tsv", {"site": f"{i}.example"}, ("Text",) * rows + ("Odd",),
                     ("body",) * rows + ("?",))
        for i in range(sites)
    ]  # fmt: skip
    with pytest.raises(TrainingError, match=reason):
        train.train(pages)


# --- tuning -------------------------------------------------------------------------


MENU = [("nav", word) for word in ("Home", "News", "Weather", "Events", "Sport", "Contact")]
STORIES = [
    ["The ferry to the island stays in harbour until Monday.", "A storm has torn two piles away."],
    ["The library opens on Sundays from May.", "The council voted for it with nine to two."],
    ["A bear was seen near the school on Tuesday.", "The forester asks walkers to keep away."],
    ["The bakery on the square is to close.", "Its owner found nobody to take it over."],
    ["Pupils have built a bridge of paper.", "It carried the mayor, who had offered to try."],
    ["The choir sings in the old mill tonight.", "Seats are free, the door opens at seven."],
]
TALK = [
    "People in the valley had waited for it for a long time, and not all of them believed it.",
    "It is not the first time that this is tried, as the older ones among them remember.",
    "What it will cost is to be said next week, when the council has seen the bills.",
]
PROMOTION = ("ad", "The Xyloquont of the valley thanks its four hundred friends for each letter.")


def story(number: int) -> LabelledPage:
    """A page of a site that puts a sentence about itself into each story, and sets its
    subheads in one odd word."""
    first, second = STORIES[number]
    rows = [
        *MENU, ("title", first.rstrip(".")), ("body", f"{first} {second} {TALK[0]}"), PROMOTION,
        ("body", "Zwiebelfreunde"), ("body", f"{TALK[1]} {second} {TALK[2]}"), ("nav", "Top"),
    ]  # fmt: skip
    labels, lines = zip(*rows, strict=True)
    return LabelledPage(f"{number}.tsv", {"site": "a.example", "lang": "en"}, lines, labels)


SITE = [story(number) for number in range(6)]


@pytest.fixture(scope="module")
def tuned() -> Model:
    with messages() as logged:
        model = tune(clutter.load(), SITE[:4])
    TOLD_OF_TUNING.extend(logged)
    return model


TOLD_OF_TUNING: list[str] = []


def test_a_tuned_model_knows_the_site(tuned: Model) -> None:
    before, after = (evaluate(model, SITE[4:]) for model in (clutter.load(), tuned))
    assert after.accuracy > before.accuracy
    assert after.kept_by_characters.f1 > before.kept_by_characters.f1
    label = {line.text: line.label for line in tuned.label(SITE[4].text).lines}
    assert (label[PROMOTION[1]], label["Zwiebelfreunde"]) == ("ad", "body")


def test_a_tuned_model_is_its_base_but_for_the_words_it_was_shown(tuned: Model) -> None:
    base = clutter.load()
    for name, array in base.weights.items():
        assert np.array_equal(array, tuned.weights[name])
    assert np.array_equal(base.ngram_scale, tuned.ngram_scale)
    changed = (base.ngram_vectors != tuned.ngram_vectors).any(axis=1)
    shown = np.zeros(len(changed), bool)
    for page in SITE[:4]:
        shown[features.features(split([page.text]).lines).buckets] = True
    assert changed.any()
    assert not (changed & ~shown).any()


def test_a_tuned_model_labels_other_pages_as_its_base_does(
    tuned: Model, pages: list[LabelledPage]
) -> None:
    before, after = (evaluate(model, pages) for model in (clutter.load(), tuned))
    # these are pages that the base was trained on: on others it has less to lose
    assert after.accuracy > before.accuracy - 0.03
    assert after.kept_by_characters.f1 > before.kept_by_characters.f1 - 0.01


def test_tuning_tells_what_it_brings(tuned: Model) -> None:
    assert TOLD_OF_TUNING[0] == "4 page(s), 48 labelled lines"
    assert TOLD_OF_TUNING[1].startswith("before, on these pages: accuracy 0.")
    assert TOLD_OF_TUNING[-1].startswith("tuned on one half of them, on the other: accuracy ")
    assert TOLD_OF_TUNING[-1].endswith("% of the characters kept or dropped wrongly")
    assert tuned.metadata["base"] == clutter.load().metadata
    assert tuned.metadata["pages"] == {"labelled": 4, "html": 0}
    assert set(tuned.metadata["held_out_by_page"]) == {"base", "tuned"}


def test_one_page_is_enough_and_the_same_pages_give_the_same_model() -> None:
    one, two = (tune(clutter.load(), SITE[:1]) for _ in range(2))
    assert np.array_equal(one.ngram_vectors, two.ngram_vectors)
    assert set(one.metadata["held_out_by_page"]) == {"base"}


def test_tuning_without_a_labelled_line_is_refused() -> None:
    page = LabelledPage("a", {}, ("Text", "Odd"), ("?", "?"), {0: ("nav", 0.4)})
    with pytest.raises(TrainingError, match="no labelled line in 1 page"):
        tune(clutter.load(), [page])


def test_what_is_left_to_label_is_named() -> None:
    guesses = {0: ("nav", 0.4)}
    pages = [
        LabelledPage("done", {}, ("a", "", "b"), ("nav", "", "?")),
        LabelledPage("half", {}, ("a", "", "b"), ("?", "", "body"), guesses),
        LabelledPage("new", {}, ("a", "", "b"), ("?", "", "?"), guesses),
    ]
    assert labelled.unfinished(pages) == [
        "half: 1 of 2 lines still marked as doubtful",
        "new: not labelled yet",
    ]


# --- the command --------------------------------------------------------------------


def run(output: Path, *paths: Path, corpus: Path | None = None, base: str | None = None) -> int:
    args = [*map(str, paths), "-o", str(output), "--seed", "0", "--jobs", "1"]
    for name, value in (("--corpus", corpus), ("--base", base)):
        args += [] if value is None else [name, str(value)]
    return cli.main(["train", *args])


def test_the_command_writes_the_model_and_tells_how_far_it_is(
    small: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "how_many_steps", lambda samples, most: 3)
        assert run(file, *sorted(PAGES.iterdir())[:6]) == 0
    out = capsys.readouterr()
    assert out.out == ""
    assert "model: step 3 of 3" in out.err
    assert out.err.endswith(f"wrote {file}\n")
    assert list(tmp_path.iterdir()) == [file]
    assert Model.load(file).metadata["pages"]["labelled"] == 6


def test_the_command_tunes_a_base_and_names_what_is_left_to_label(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for page in SITE[:2]:
        labelled.write(page, tmp_path / page.name)
    (tmp_path / "x.tsv").write_text("nav?0.43\tHome\nbody?0.61\tText\n")
    file = tmp_path / "mine.safetensors"
    assert run(file, tmp_path, base="default") == 0
    told = capsys.readouterr().err
    assert f"{tmp_path / 'x.tsv'}: not labelled yet; not trained on" in told
    assert Model.load(file).metadata["pages"] == {"labelled": 2, "html": 0}
    again = tmp_path / "again.safetensors"
    assert run(again, tmp_path / "0.tsv", base=str(file)) == 0
    assert Model.load(again).metadata["base"] == Model.load(file).metadata


def test_html_without_its_reader_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def absent(page: LabelledPage) -> None:
        raise MissingLibraryError("reading HTML needs turbohtml: pip install turbohtml")

    (tmp_path / "a.tsv").write_text("# html: a.html\nnav\tHome\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "from_html", absent)
        assert run(tmp_path / "m", tmp_path, base="default") == 2
    assert capsys.readouterr().err == (
        "clutter: reading HTML needs turbohtml: pip install turbohtml\n"
    )


def test_a_base_needs_no_corpus_and_takes_none(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(tmp_path / "m", PAGES, base="default", corpus=tmp_path) == 2
    assert "leave out --corpus" in capsys.readouterr().err
    assert run(tmp_path / "m", PAGES, base=str(PAGES / "none.safetensors")) == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


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
def test_bad_input_is_one_line_and_leaves_no_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, reason: str
) -> None:
    page = tmp_path / "mine.tsv"
    if content is not None:
        page.write_text(content)
    assert run(tmp_path / "mine.safetensors", page) == 2
    out = capsys.readouterr()
    assert out.out == ""
    (complaint,) = [line for line in out.err.splitlines() if not line.startswith("[")]
    assert complaint.startswith("clutter: ")
    assert reason in complaint
    assert not (tmp_path / "mine.safetensors").exists()


def test_a_folder_that_is_no_corpus_is_one_line_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "labels.jsonl").write_text('{"id": "a", "lines": []}\n')
    (tmp_path / "mine.tsv").write_text("nav\tHome\n")
    assert run(tmp_path / "mine.safetensors", tmp_path, corpus=tmp_path) == 2
    message = capsys.readouterr().err
    assert "train.jsonl.gz: no such file" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "mine.safetensors").exists()


def test_an_output_that_cannot_be_written_is_one_line_too(
    trained: Model, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train", lambda *args, **options: trained)
        assert run(tmp_path / "no folder" / "mine.safetensors", PAGES) == 2
    message = capsys.readouterr().err
    assert "no folder" in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
