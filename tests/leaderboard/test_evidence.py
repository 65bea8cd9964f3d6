"""From a number to its evidence: predictions, commands and cards that stand beside it."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from made_submissions import add_submission, made_dataset

from leaderboard.site import build_site
from leaderboard.store import SUBMISSIONS, read_submission, submission_folders
from leaderboard.verify import verify
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.methods.load import method_class


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    dataset, root = made_dataset(tmp_path / "data"), tmp_path / "root"
    add_submission(root, dataset, "one", seeds=(0, 1), paper="https://example.org/paper")
    add_submission(root, dataset, "blind", method="whole-video", kind="bias")
    return root


def test_a_site_has_the_predictions_that_it_was_scored_by(root, tmp_path):
    build_site(root, tmp_path / "site")
    page = (tmp_path / "site/submissions/made/one.html").read_text()
    for run in read_submission(root / "made/one").runs:
        name = f"predictions/made/one/{run.header.protocol}-seed{run.header.seed}.jsonl.gz"
        data = gzip.decompress((tmp_path / "site" / name).read_bytes())
        assert hashlib.sha256(data).hexdigest() == run.predictions_sha256
        assert f'href="../../{name}"' in page
    assert "vid2vidmr leaderboard verify made/one<" in page
    assert "vid2vidmr bench" not in page  # nobody here has the code of "one"
    blind = (tmp_path / "site/submissions/made/blind.html").read_text()
    assert "baselines/trivial/constant" in blind
    board = (tmp_path / "site/index.html").read_text()
    assert 'href="https://example.org/paper"' in board
    assert 'href="submissions/made/one.html#evidence"' in board


def test_a_method_has_a_page_of_its_errors_that_leads_back(root, tmp_path):
    build_site(root, tmp_path / "site", analyses=True)
    pages = {path.stem for path in (tmp_path / "site/analyses/made").iterdir()}
    assert pages == {"one-official", "one-recropped"}  # a bias row has none
    board = (tmp_path / "site/index.html").read_text()
    assert board.count('href="analyses/made/one-recropped.html"') == 1
    page = (tmp_path / "site/analyses/made/one-official.html").read_text()
    for back in ("index.html#made-official", "submissions/made/one.html"):
        assert f'href="../../{back}"' in page and "where its errors come from" in page
    assert (
        "analyses/made/one-official.html"
        in (tmp_path / "site/submissions/made/one.html").read_text()
    )


def test_one_submission_is_verified_alone(root, cli):
    path = root / "made/blind/submission.json"
    path.write_text(path.read_text().replace('"pairs": 40', '"pairs": 41'))
    assert verify(root, "made/one") == (4, [])
    checked, differences = verify(root, "made/blind")
    assert checked == 2 and "41 pairs are stated" in differences[0]
    ran = cli("leaderboard", "verify", "made/one", "--submissions", root)
    assert (ran.code, ran.out) == (0, "4 predictions files scored, 0 differences.\n")
    assert cli("leaderboard", "verify", "made/blind", "--submissions", root).code == 1
    with pytest.raises(UnknownNameError, match="did you mean 'made/one'"):
        verify(root, "made/on")
    (root / "made/one/submission.json").write_text("{")
    checked, differences = verify(root, "made/one")
    assert checked == 0 and differences[0].startswith("made/one: ")


def test_our_cards_say_what_is_known():
    for folder in submission_folders(SUBMISSIONS):
        card, header = (found := read_submission(folder)).card, found.header
        assert card.parameters is not None and (card.parameters > 0) == (card.kind == "trained")
        own = method_class(header.method).info.source.startswith("own")
        assert card.paper is not None or own, f"{folder}: {method_class(header.method).info.source}"
