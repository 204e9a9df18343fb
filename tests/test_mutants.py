"""Each exhibit of the bug museum, put into the course's own code, makes the lesson cell fail that it names."""
import ast
import functools
import os
import re

import pytest

from tests import mutants
from tests.mutants import MUTANTS, NBS, NOTEBOOKS, Mutant, chosen, complaint, needed, place, prove, sources
from tools.outputs import read

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a mutant lives in a forked process")


def beside(notebook):
    """The marks of a test that needs a notebook's cells to run: all such tests of a notebook share one run."""
    return pytest.mark.slow, pytest.mark.xdist_group(f"the mutants of {notebook}")


@pytest.fixture(scope="session")
def proven():
    """What became of a notebook's mutants, by id, and under None why it fails unchanged, if it does."""
    return functools.cache(prove)


@pytest.mark.parametrize("notebook", [pytest.param(notebook, marks=beside(notebook)) for notebook in NOTEBOOKS])
def test_the_unchanged_cells_pass(notebook, proven):
    assert (wrong := proven(notebook).get(None)) is None, wrong


@pytest.mark.parametrize("mutant", [pytest.param(mutant, marks=beside(mutant.notebook), id=mutant.id) for mutant in MUTANTS])
def test_a_lesson_catches(mutant, proven):
    assert (wrong := complaint(mutant, proven(mutant.notebook).get(mutant.id))) is None, wrong


def test_the_museum_shows_every_exhibit_and_where_it_was_seen():
    museum = "\n".join(cell.source for cell in read(NBS / "07_bugs.ipynb").cells)
    exhibits = [mutant for mutant in MUTANTS if mutant.seen]
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS) and len(exhibits) >= 20
    assert [mutant.id for mutant in exhibits if f"`{mutant.id}`" not in museum] == []
    assert [mutant.seen for mutant in exhibits if f"({mutant.seen})" not in museum] == []
    rows = re.findall(r"^- \[`([\w-]+)`\]\((\w+)\.ipynb#", museum, re.M)
    assert sorted(rows) == sorted(2 * [(mutant.id, mutant.notebook) for mutant in exhibits]), "each stands in the catalog, once a language"
    rooms = ast.literal_eval(re.search(r"^rooms = (\{.*?^\})", museum, re.M | re.S)[1])
    assert sorted(" ".join(rooms.values()).split()) == sorted(mutant.id for mutant in exhibits)


STALE = {
    "code that is gone": Mutant("x", "02_loss", "kl_divergence", {"no such code": ""}, mutants.KL, ""),
    "code that stands twice": Mutant("x", "02_loss", "kl_divergence", {"logvar": ""}, mutants.KL, ""),
    "a function that is gone": Mutant("x", "02_loss", "no_such_function", {}, mutants.KL, ""),
    "a cell that is gone": Mutant("x", "02_loss", "kl_divergence", {"0.5 *": ""}, "no such cell", ""),
}


@pytest.mark.parametrize("name", STALE)
def test_an_entry_out_of_date_says_so(name):
    with pytest.raises(LookupError, match="up to date"):
        place(STALE[name], sources("02_loss"))


@pytest.fixture
def small(monkeypatch):
    """Three mutants of a small function: one that changes nothing, one that is caught, and one that does not run."""
    cells = ["#| exports\ndef double(x): return 2 * x", "assert double(3) == 6", "assert double(0) == 0"]
    entries = [Mutant(name, "02_loss", "double", {"2 * x": new}, cells[1], "")
               for name, new in {"harmless": "x + x", "wrong": "3 * x", "broken": "no_such_name * x"}.items()]
    monkeypatch.setattr(mutants, "sources", lambda notebook: cells)
    monkeypatch.setattr(mutants, "MUTANTS", entries)
    return entries


def test_a_mutant_that_survives_is_noticed(small):
    answers = {mutant.id: answer for mutant, answer in mutants.run("02_loss")}
    harmless, wrong, broken = [complaint(mutant, answers[mutant.id]) for mutant in small]
    assert harmless == "harmless survives the cell with 'assert double(3) == 6': nothing fails"
    assert wrong is None
    assert "broken is a broken mutant" in broken


def test_a_notebook_that_fails_as_it_is_is_named(small):
    assert "02_loss fails as it is" in complaint(small[0], None)


def test_a_cell_that_catches_before_the_named_one_is_noticed(small):
    late = small[1]._replace(cell="assert double(0) == 0")
    answer = {"cell": "assert double(3) == 6", "error": "AssertionError", "verdict": True}
    assert "caught before" in complaint(late, answer)


def test_the_table_tells_and_the_exit_status_too(small, monkeypatch, capsys):
    monkeypatch.setattr(mutants, "prove_all", lambda entries: {mutant.id: answer for mutant, answer in mutants.run("02_loss")})
    assert mutants.table(small[1:2]) and not mutants.table(small)
    words = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert words == [["wrong", "caught"], ["harmless", "SURVIVES"], ["wrong", "caught"], ["broken", "SURVIVES"]]


def test_names_choose_mutants_and_notebooks():
    assert chosen([]) == MUTANTS
    assert [mutant.id for mutant in chosen(["kl-sign"])] == ["kl-sign"]
    assert {mutant.notebook for mutant in chosen(["00_data"])} == {"00_data"}
    with pytest.raises(SystemExit, match="no-such-mutant"):
        chosen(["no-such-mutant"])


@pytest.mark.parametrize(("last", "what"), [
    ("f(x)", "what binds the names that it reads, and not what they were before"),
    ("x.append(3)\nassert g() == 3", "what a function reads when it is called, and what changes an object in place"),
])
def test_a_cell_needs(last, what):
    code = ["import math", "x = [0]", "def f(y):\n    k = 1\n    return y", "k = 7", "x = [1]", "x.append(2)", "z = f(x)",
            "%matplotlib inline", "def g(): return math.prod(f(x))", "x[0] = 5", "print(z)", last]
    expected = {"f(x)": [2, 4, 5, 9, 11], "x.append(3)\nassert g() == 3": [0, 2, 4, 5, 8, 9, 11]}
    assert needed(code, 11) == expected[last], what
