"""Every notebook keeps the rules of the house; each failure names the cell and what to do."""
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import rules
from tools.outputs import TOLERANCE, difference, execute, notebooks, read, stale
from web.colab import INSTALL, LINK, colab_link, install_cell, settings

NOTEBOOKS = notebooks()
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def md(source, lang=None):
    """A Markdown cell."""
    return new_markdown_cell(source, metadata={"lang": lang} if lang else {})


@each_notebook
def test_rules(path):
    assert rules.check(path) == []


@each_notebook
def test_budgets(path, capsys):
    found = rules.budgets(read(path).cells)
    with capsys.disabled():
        print(f"\n{path.stem}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()), end=" ")
    assert found["code median"] <= 6 and found["code max"] <= 40 and found["comments %"] < 3  # the other figures are a report


@pytest.mark.slow
@each_notebook
def test_outputs_are_fresh(path):
    assert stale(read(path), execute(path)) == []


@each_notebook
def test_colab(path):
    text = path.read_text(encoding="utf-8")
    assert set(LINK.findall(text)) == {colab_link(path.stem)}
    assert set(INSTALL.findall(text)) <= {f"git+{settings()['git_url']}"}
    first = next(cell for cell in read(path).cells if cell.cell_type == "code")
    assert first.source == install_cell()


BAD = {
    "unpaired Chinese": [md("你好。", "zh")],
    "unpaired English": [md("Hello.", "en")],
    "unknown language": [md("Bonjour.", "fr")],
    "another formula": [md("$x$。", "zh"), md("$y$.", "en")],
    "another number": [md("共60,000幅。", "zh"), md("There are 70,000.", "en")],
    "another name": [md("用`a`。", "zh"), md("Use `b`.", "en")],
    "another link": [md("[甲](a)", "zh"), md("[A](b)", "en")],
    "Chinese in English": [md("你好。", "zh"), md("Hello 你好.", "en")],
    "heading in one language": [md("## 标题")],
    "summary of another name": [md("## 回顾 | In short")],
    "heading with text": [md("## 标题 | Heading\n\n正文")],
    "prose without language": [md("Some prose here.")],
    "typed space": [md("用 `a`。", "zh"), md("Use `a`.", "en")],
    "half-width comma": [md("你好,世界。", "zh"), md("Hello, world.", "en")],
    "broken paragraph": [md("你好，\n世界。", "zh"), md("Hello, world.", "en")],
    "ruled-out word": [md("梯度不是渐变。", "zh"), md("A gradient is not a gradation.", "en")],
    "picture without alternative text": [md("![](a.png)")],
    "long code": [new_code_cell("\n".join(f"x{i} = {i}" for i in range(41)))],
    "stored error": [new_code_cell("1/0", outputs=[nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])])],
    "figure without caption": [new_code_cell("plot()", outputs=[nbformat.v4.new_output("display_data", {"image/png": "x"})])],
}


@pytest.mark.parametrize("name", BAD)
def test_rules_catch(name, tmp_path):
    nbformat.write(new_notebook(cells=BAD[name]), tmp_path / "bad.ipynb")
    assert rules.check(tmp_path / "bad.ipynb")


def test_rules_pass_a_good_pair(tmp_path):
    cells = [md("## 标题 | Heading"), md("共60,000幅图像，用`mnist`读入：$x$。", "zh"), md("`mnist` reads 60,000 images $x$.", "en")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "good.ipynb")
    assert rules.check(tmp_path / "good.ipynb") == []


UNKNOWN = {
    "another bar": (r"p_\theta(x|z)", r"`\mid` for what is given"), "KL by itself": (r"\mathrm{KL}(q\,\|\,p)", r"write `D_{\mathrm{KL}}`"),
    "KL spelled otherwise": (r"D_\mathrm{KL}(q\|p)", r"write `D_{\mathrm{KL}}`"), "a plain E": (r"E_q[z^2]", r"`\mathbb E`"),
    "an E in braces": (r"\mathbb{E}[z]", r"\mathbb{E} is not in the notation"), "a plain N": (r"z\sim N\big(0,I\big)", r"`\mathcal N`"),
    "L for the loss": (r"\mathcal L(x)", r"`\ell` for the loss"), "sigma for the sigmoid": (r"\log\sigma(l)", r"\operatorname{sigmoid}"),
    "ln": (r"\ln 2", r"write `\log`"), "the other epsilon": (r"\mu+\sigma\epsilon", r"\epsilon is not in the notation"),
    "no parameters": (r"\log p(x_i\mid z)", r"p(x\mid z) is not in the notation"),
    "other parameters": (r"p_\phi(z \mid x)", r"p_\phi(z\mid x) is not"),
    "an encoder without parameters": (r"q(z_1\mid x)", r"q(z\mid x) is not"),
    "a name that is new": (r"\operatorname{Cov}(x,z)", r"\operatorname{Cov} is not"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_formulas_keep_to_the_notation(name):
    formula, message = UNKNOWN[name]
    for cell in (md(f"${formula}$"), md(f"$$\n{formula}\n$$", "zh"), new_code_cell(f"#| fig-cap: 图 | A figure of ${formula}$\nplot()")):
        assert [found for found in rules.signs([cell]) if message in found]
    assert not rules.signs([md(f"`${formula}$`"), md(f"```\n${formula}$\n```")])


def test_the_notation_of_the_glossary_passes():
    bound = r"\mathcal L_1=\mathbb E_{q_\phi}\big[\log p_\theta(x\mid z_i)\big]-D_{\mathrm{KL}}\big(q_\phi(z\mid x_n)\,\|\,p(z)\big)"
    for formula in (bound, r"\hat{\mathcal L}_k", "p(1-p)", r"\exp(x)", r"\sigma_\phi^2(x)", r"\text{E or KL}", r"|l|+\max(x,z)"):
        assert rules.signs([md(f"${formula}$")]) == [], formula


def test_freshness_sees_numbers_and_words():
    assert difference("loss 105.6", "loss 105.65", 1e-3) is None
    assert "105.6" in difference("loss 105.6", "loss 106.6", 1e-3)
    assert difference("loss 105.6", "gain 105.6", 1e-3)
    assert difference("[1, 2]", "[1, 2, 3]", 1e-3)
    assert difference("nan inf", "nan inf", 1e-3) is None and difference("nan", "1.0", 1e-3) and difference("inf", "-inf", 1e-3)
    assert TOLERANCE.search("#| tolerance: 0.02\nx")[1] == "0.02"


def test_freshness_sees_a_changed_cell(tmp_path):
    old, new = (new_notebook(cells=[new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text=text)])]) for text in ("1.0", "2.0"))
    assert stale(old, old) == [] and len(stale(old, new)) == 1
