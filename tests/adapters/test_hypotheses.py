"""Hypotheses as files: reading, refusing, writing outcomes at once from several processes, the index."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ds_workflow import plugins
from ds_workflow.adapters.hypotheses import INDEX, HypothesisStore, of, read
from ds_workflow.domain.hypothesis import SECTIONS, content_digest
from ds_workflow.domain.hypothesis_template import TEMPLATE
from ds_workflow.domain.outcome import BEGIN, END, OutcomeEntry, outcomes
from ds_workflow.errors import IncompleteHypothesis, InvalidInput, StateConflict, UnknownName
from ds_workflow.settings import Settings
from ds_workflow.use_cases import hypotheses, hypothesis_view, train
from ds_workflow.use_cases.experiment import power
from ds_workflow.workspace import Workspace

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "hypotheses"
ENTRY = OutcomeEntry("P-1", "2026-01-01T00:00:00Z", "dof-1", "supported", "mdape fell by 7 % | as claimed")


@pytest.fixture
def store(tmp_path: Path) -> HypothesisStore:
    """A folder with the four documents of the project."""
    for path in DOCS.glob("H-*.md"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return HypothesisStore(tmp_path)


def edit(store: HypothesisStore, ident: str, old: str, new: str) -> None:
    text = store.text(ident)
    assert old in text
    store.path_for(ident).write_text(text.replace(old, new, 1), "utf-8")


def test_the_template_on_paper_is_the_one_that_is_written(tmp_path: Path) -> None:
    assert (DOCS / "TEMPLATE.md").read_text("utf-8") == TEMPLATE
    path = HypothesisStore(tmp_path / "not" / "yet").new("H-SEG-001")
    assert path.read_text("utf-8") == TEMPLATE.replace("<H-AREA-001>", "H-SEG-001")


@pytest.mark.parametrize("asked_by", ["check", "train", "power"])
def test_a_shipped_document_is_copied_when_it_is_first_asked_for(tmp_path: Path, asked_by: str) -> None:
    work = Workspace.at(tmp_path, "adult_income")
    folder, shipped = work.settings.hypotheses, (DOCS / "H-INC-002.md").read_bytes()
    listed = {row.id: row.status for row in hypotheses.listed(work)}
    assert listed["H-INC-002"] == "shipped"
    assert hypothesis_view.read(work, "H-INC-002").status == "shipped"
    assert not folder.exists(), "looking copies nothing"
    if asked_by == "check":
        assert hypotheses.check(work, "H-INC-002", dataset_version=None).complete
    elif asked_by == "power":
        assert power.of_hypothesis(work, "H-INC-002", base=0.3) == -0.02
    else:
        request = train.TrainRequest("H-INC-002", "objective", "Weighs rows", "ines", "v2.0", "never-made")
        with pytest.raises(UnknownName, match="never-made"):
            train.candidate(work, request)
    assert [path.name for path in folder.iterdir()] == ["H-INC-002.md"]
    assert (folder / "H-INC-002.md").read_bytes() == shipped
    assert {row.id: row.status for row in hypotheses.listed(work)}["H-INC-002"] == "ready"


def test_a_workspaces_own_document_wins_and_the_checkout_gets_no_copy(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    store = of(settings)
    store.adopt("H-TIER-002")
    grown_from = read(store.text("H-TIER-002")).front["parent"]
    assert set(store.ids()) == {"H-TIER-002", grown_from}, "with what it grew from"
    edit(store, "H-TIER-002", 'owner: "', 'owner: "My ')
    store.adopt("H-TIER-002")
    assert 'owner: "My ' in store.text("H-TIER-002")
    assert grown_from == "H-SEG-001"
    assert set(re.findall(r"H-[A-Z]+-[0-9]{3}(?=\.md)", store.index())) == {"H-TIER-002", "H-SEG-001"}
    assert of(Settings(ROOT)).shipped is None
    store.adopt("H-NONE-001")
    with pytest.raises(IncompleteHypothesis, match="no written hypothesis 'H-NONE-001'"):
        store.check("H-NONE-001")


def test_a_new_document_lacks_everything_but_what_was_given(tmp_path: Path) -> None:
    store = HypothesisStore(tmp_path)
    store.new("H-SEG-001", title='A "quoted": title', owner="Ana # Reyes", problem="nyc_sales")
    check = store.check("H-SEG-001")
    assert not check.complete
    assert check.hypothesis is None
    named = {line.split(": ")[0].split(", ")[-1] for line in check.missing}
    assert named >= {*SECTIONS, "change_type", "claim.metric", "claim.min_effect", "plan.strategy"}
    assert not named & {"id", "title", "owner", "problem", "parent"}
    assert read(store.text("H-SEG-001")).front["title"] == 'A "quoted": title'
    with pytest.raises(IncompleteHypothesis, match=r"line 12, claim\.min_effect"):
        store.load("H-SEG-001")


def test_nothing_is_overwritten_and_a_parent_must_exist(store: HypothesisStore) -> None:
    before = store.text("H-SEG-001")
    with pytest.raises(StateConflict, match="never overwritten"):
        store.new("H-SEG-001")
    assert store.text("H-SEG-001") == before
    with pytest.raises(IncompleteHypothesis, match="H-NONE-001"):
        store.new("H-NEW-001", parent="H-NONE-001")
    assert "H-NEW-001" not in store.ids()


@pytest.mark.parametrize("ident", ["../outside", "H-SEG-001/../../x", "/etc/passwd", "H-SEG-001.md", ""])
def test_an_id_never_leaves_the_folder(store: HypothesisStore, ident: str) -> None:
    for ask in (store.path_for, store.load, store.new, store.check, store.lineage):
        with pytest.raises(InvalidInput, match="not a hypothesis id"):
            ask(ident)


def test_a_missing_document_is_told_with_the_nearest_and_the_command(store: HypothesisStore) -> None:
    with pytest.raises(IncompleteHypothesis, match="no written hypothesis 'H-SEG-002'") as caught:
        store.load("H-SEG-002")
    assert "hypothesis-new H-SEG-002" in caught.value.hint
    assert "H-SEG-001" in caught.value.hint


@pytest.mark.parametrize("path", sorted(DOCS.glob("H-*.md")), ids=lambda p: p.stem)
def test_the_projects_own_documents_agree_with_declaration_and_policy(path: Path) -> None:
    assert of(Settings(ROOT)).check(path.stem).missing == ()


def test_a_workspace_checks_names_against_its_own_policy(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    settings.hypotheses.mkdir(parents=True)
    text = (DOCS / "H-SEG-001.md").read_text("utf-8")
    spoilt = text.replace("name: no_new_drift_alerts", "name: be_nice").replace("v2.0", "v9.9", 1)
    (settings.hypotheses / "H-SEG-001.md").write_text(spoilt, "utf-8")
    missing = " ".join(of(settings).check("H-SEG-001").missing)
    assert "'be_nice' is not in the policy" in missing
    assert "'v9.9' is not declared by nyc_sales" in missing
    unknown = text.replace("problem: nyc_sales", "problem: nowhere")
    (settings.hypotheses / "H-SEG-001.md").write_text(unknown, "utf-8")
    (line,) = of(settings).check("H-SEG-001").missing
    assert "There is no problem 'nowhere'" in line


def test_the_index_on_paper_is_generated(store: HypothesisStore) -> None:
    def untested(text: str) -> str:  # a demo in this checkout may have written outcomes
        return re.sub(r"\| (ready|tested) \| \w*\s*\|", "|", text)

    assert untested((DOCS / INDEX).read_text("utf-8")) == untested(HypothesisStore(DOCS).index())


def test_documents_name_only_hypotheses_that_are_written() -> None:
    written = set(HypothesisStore(DOCS).ids())
    for page in (ROOT / "docs" / "feature_backlog.md", *DOCS.glob("H-*.md")):
        named = set(re.findall(r"\bH-[A-Z]+-\d{3}\b", page.read_text("utf-8")))
        assert named <= written, page.name
    backlog = (ROOT / "docs" / "feature_backlog.md").read_text("utf-8")
    sets = {fs.version: fs.parent for fs in plugins.load("problems", "nyc_sales").PROBLEM.feature_sets}
    assert dict(re.findall(r"(?m)^\| (v[\d.]+) \| (v[\d.]+)? ?\|", backlog)) == sets
    assert written <= set(re.findall(r"H-[A-Z]+-\d{3}", backlog))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: H-SEG-001", "id: H-SEG-009", "line 2, id: is 'H-SEG-009', but the file is H-SEG-001.md"),
        ("owner: ", "owner: x\nowner: ", "line 5: 'owner' stands there twice"),
        ("  metric: ", "  metric: mape\n  metric: ", "'claim.metric' stands there twice"),
        ('owner: "Ana Reyes"', "owner: Ana: Reyes", "line 4, column 11"),
        ('owner: "Ana Reyes"', "owner: &a [*a]", "aliases"),
        ('owner: "Ana Reyes"', "owner: !!python/name:os.system x", "tags"),
        ("---\n", "", "line 1: the document must begin"),
        (BEGIN, "", "once each"),
        ("## Mechanism", "## Mechanics", "Mechanism: this section is missing"),
        ('parent: ""', "parent: H-NONE-001", "parent: There is no hypothesis 'H-NONE-001'"),
        ('parent: ""', "parent: H-TUNE-004", "H-SEG-001 -> H-TUNE-004 -> H-SEG-001"),
        ("min_effect: 0.05", "min_effect: 0", "claim.min_effect: is 0: nothing could refute that"),
    ],
)
def test_a_spoilt_document_is_refused_in_words(store: HypothesisStore, old: str, new: str, said: str) -> None:
    edit(store, "H-SEG-001", old, new)
    missing = store.check("H-SEG-001").missing
    assert any(said in line for line in missing), missing
    with pytest.raises(IncompleteHypothesis, match="nothing is trained"):
        store.load("H-SEG-001")
    assert {h.id: h.status for h in store.list()}["H-SEG-001"] == "draft"


def test_text_hidden_between_the_outcome_marks_counts_as_missing(store: HypothesisStore) -> None:
    text = store.text("H-SEG-001").replace(BEGIN, "").replace(END, "")
    text = text.replace("## Mechanism", f"{BEGIN}\n## Mechanism").replace("## Plan", f"{END}\n## Plan")
    store.path_for("H-SEG-001").write_text(text, "utf-8")
    missing = " ".join(store.check("H-SEG-001").missing)
    assert all(f"{title}: this section is missing" in missing for title in ("Mechanism", "Claim", "Guardrails"))
    assert "Rollout" not in missing


def test_scalars_stay_what_was_written(store: HypothesisStore) -> None:
    edit(store, "H-SEG-001", "feature_set_version: v2.0", "feature_set_version: 2.0")
    edit(store, "H-SEG-001", "dataset_version: any", "dataset_version: [2024-13-45, no]")
    plan = store.load("H-SEG-001").plan
    assert (plan.feature_set_version, plan.dataset_versions) == ("2.0", ("2024-13-45", "no"))
    edit(store, "H-SEG-001", 'parent: ""', "parent: null")
    assert store.load("H-SEG-001").parent == ""


def test_lines_below_the_outcome_are_counted_right(store: HypothesisStore) -> None:
    text = store.text("H-SEG-001")
    block = text[text.index("## Outcome") :]
    moved = (
        text.replace(block, "")
        .replace("## Plan", f"{block}\n## Plan")
        .replace("Segmented router with", "<H-AREA-001>", 1)
    )
    store.path_for("H-SEG-001").write_text(moved, "utf-8")
    (said,) = store.check("H-SEG-001").missing
    assert said.startswith(f"line {moved[: moved.index('## Plan')].count(chr(10)) + 1}, Plan")


def test_names_of_problem_and_guardrails_are_checked_when_they_are_known(
    tmp_path: Path, store: HypothesisStore
) -> None:
    def nobody(name: str) -> object:
        raise UnknownName("problem", name, ["other"])

    strict = HypothesisStore(tmp_path, problem=nobody, guardrails=lambda _: ["another_gate"])  # type: ignore[arg-type]
    missing = " ".join(strict.check("H-SEG-001").missing)
    assert "There is no problem 'nyc_sales'. Known: other." in missing
    assert "'max_major_segment_ppe10_drop' is not in the policy. Known: another_gate." in missing


def test_unreadable_files_are_refused_by_name(store: HypothesisStore) -> None:
    path = store.path_for("H-SEG-001")
    path.write_bytes(b"---\nid: \xff\n---\n")
    with pytest.raises(InvalidInput, match=r"H-SEG-001\.md, line 2: not UTF-8"):
        store.load("H-SEG-001")
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(InvalidInput, match="at most 1,000,000"):
        store.load("H-SEG-001")
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidInput, match="can't be read"):
        store.load("H-SEG-001")


def test_an_outcome_changes_its_block_and_nothing_else(store: HypothesisStore) -> None:
    store.write_index()
    path = store.path_for("H-SEG-001")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    path.chmod(0o640)
    before, digest = path.read_bytes(), store.load("H-SEG-001").digest
    store.write_outcome("H-SEG-001", ENTRY)
    after = path.read_bytes()
    begin, end = BEGIN.encode(), END.encode()
    assert after.split(begin)[0] == before.split(begin)[0]
    assert after.split(end)[1] == before.split(end)[1]
    assert b"\n" not in after.replace(b"\r\n", b"")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert store.load("H-SEG-001").digest == digest == content_digest(after.decode())
    assert store.outcomes("H-SEG-001") == (ENTRY,)
    store.write_outcome("H-SEG-001", ENTRY)
    assert path.read_bytes() == after
    assert "| tested | supported |" in (store.folder / INDEX).read_text("utf-8")
    with pytest.raises(IncompleteHypothesis):
        store.write_outcome("H-NONE-001", ENTRY)
    assert {p.name for p in store.folder.iterdir()} == {INDEX, *(f"{i}.md" for i in store.ids())}


WRITER = """
import sys
from pathlib import Path
from ds_workflow.adapters.hypotheses import HypothesisStore
from ds_workflow.domain.outcome import OutcomeEntry
store = HypothesisStore(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    store.write_outcome("H-SEG-001", OutcomeEntry(f"P-{sys.argv[2]}{n}", f"2026-{n:02}", "d", "refuted", "no change"))
"""


def test_outcomes_from_two_processes_are_all_kept(store: HypothesisStore) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.folder), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:  # both have imported everything before either writes
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    assert len(outcomes(store.text("H-SEG-001"))) == 80
    assert store.check("H-SEG-001").complete


def test_lineage_and_index_show_the_family(store: HypothesisStore) -> None:
    assert store.lineage("H-TREND-003") == ("H-TREND-003", "H-TIER-002", "H-SEG-001")
    text = store.index()
    assert text == store.index()
    assert "- H-SEG-001\n  - H-TIER-002\n    - H-TREND-003\n  - H-TUNE-004\n" in text
    edit(store, "H-TUNE-004", 'title: "A small', 'title: "A | small')
    assert "A \\| small" in store.index()
    assert "No hypothesis is written yet" in HypothesisStore(store.folder / "empty").index()


def test_files_with_other_names_are_not_hypotheses(store: HypothesisStore) -> None:
    (store.folder / "H-draft.md").write_text("notes", "utf-8")
    assert "H-draft" not in store.ids()
    assert [h.id for h in store.list()] == list(store.ids())


def test_many_documents_are_each_asked_for_a_few_times_and_taken_apart_once(tmp_path: Path) -> None:
    work = Workspace.at(tmp_path, "adult_income")
    folder = work.settings.hypotheses
    folder.mkdir(parents=True)
    text, count = (DOCS / "H-INC-002.md").read_text("utf-8"), 40
    for number in range(101, 101 + count):
        changed = text.replace("H-INC-002", f"H-INC-{number}")
        changed = re.sub(r"(?m)^parent:.*$", f"parent: H-INC-{number - 1}" if number > 101 else 'parent: ""', changed)
        (folder / f"H-INC-{number}.md").write_text(changed, "utf-8")
    shipped = len(list(DOCS.glob("H-*.md")))
    read.cache_clear()
    listed = [row for row in of(work.settings).list() if row.status == "ready"]
    assert [row.parent for row in listed[1:]] == [row.id for row in listed[:-1]]
    assert len(listed) == count
    first = read.cache_info()
    assert first.misses <= count + shipped
    assert first.hits + first.misses <= 3 * (count + shipped)  # not once more for each document that has a parent
    page = hypothesis_view.read(work, f"H-INC-{100 + count}")
    assert (page.status, page.parent) == ("ready", f"H-INC-{99 + count}")
    second = read.cache_info()
    assert second.misses == first.misses
    assert second.hits - first.hits <= 3 * (count + shipped)
