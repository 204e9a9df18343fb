"""The exercises of the chapters and their checkers: every solution passes, every wrong answer is told what is wrong with it.

A chapter's exercise is a heading `### 练习N.M · 基础 · 5分钟 | Exercise N.M · basic · 5 min`, a starter cell that ends on the checker's
call, and a Chinese and an English cell with two hints and the solution, whose last Python block defines what the starter asks for."""
import ast
import functools
import inspect
import math
import re
from collections import namedtuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import MultivariateNormal

from tests.mutants import names_of
from tools.outputs import NBS, notebooks, read
from vae_nb import exercises
from vae_nb.exercises import Mistake, Verdict
from vae_nb.loss import kl_divergence, loss_function

HEADING = re.compile(r"### 练习(\d+)\.(\d+) · (基础|推导|实验) · (\d+)分钟 \| "
                     r"Exercise (\d+)\.(\d+) · (basic|derive|experiment) · (\d+) min")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
HINTS = re.compile(r"<summary>(.*?)</summary>")
LEVELS = {"基础": "basic", "推导": "derive", "实验": "experiment"}
CHECKERS = [name for name in exercises.__all__ if name.startswith("check_")]

Exercise = namedtuple("Exercise", "notebook number level minutes before starter zh en")


def heading(cell):
    """What the heading of an exercise says; None for any other cell."""
    return HEADING.fullmatch(cell.source) if cell.cell_type == "markdown" else None


def found(path):
    """The exercises of a notebook."""
    cells = read(path).cells
    for i, cell in enumerate(cells):
        if not (match := heading(cell)):
            continue
        ends = (j for j in range(i + 1, len(cells)) if cells[j].cell_type == "markdown" and cells[j].source.startswith("#"))
        own = cells[i + 1:next(ends, len(cells))]
        start = next((k for k, each in enumerate(own) if each.cell_type == "code" and "vae_nb.exercises" in each.source), None)
        if start is None and path.stem > "13":
            continue  # the workshop's exercises may do without a checker
        assert start is not None, f"{path.stem}: {cell.source} has no starter cell with a checker of vae_nb.exercises"
        said = {lang: next((each.source for each in own[start + 1:] if each.metadata.get("lang") == lang), "") for lang in ("zh", "en")}
        before = [each.source for each in cells[:i] if each.cell_type == "code" and "    %pip" not in each.source]
        yield Exercise(path.stem, match[1] + "." + match[2], match[3], match, before, own[start].source, said["zh"], said["en"])


EXERCISES = [exercise for path in notebooks() for exercise in found(path)]
each_exercise = pytest.mark.parametrize("exercise", [  # an experiment trains a model
    pytest.param(exercise, marks=[pytest.mark.slow] * (LEVELS[exercise.level] == "experiment"), id=f"{exercise.notebook}-{exercise.number}")
    for exercise in EXERCISES])


def solution(text):
    """The code of a folded solution."""
    return BLOCK.findall(text.split("<details>")[-1])[-1]


def plain(source):
    """A cell without what only Jupyter understands."""
    return re.sub(r"^%.*", "", source, flags=re.M)


def context(exercise, *code):
    """A namespace in which the cells of the chapter have run that this code relies on."""
    _, _, read, later = names_of(plain("\n".join(code)))
    wanted, cells, space = read | later, [], {}
    for source in map(plain, reversed(exercise.before)):
        bound, _, read, later = names_of(source)
        if bound & wanted:
            wanted = wanted - bound | read | later
            cells.append(source)
    for source in reversed(cells):
        exec(compile(source, exercise.notebook, "exec"), space)
    return space


def answered(starter, space, then=""):
    """The verdict of a starter cell, with code put before its last line, which calls the checker."""
    tree = ast.parse(plain(starter))
    call = ast.Expression(tree.body.pop().value)
    exec(compile(tree, "starter", "exec"), space)
    exec(compile(then, "solution", "exec"), space)
    return eval(compile(call, "starter", "eval"), space)


@each_exercise
def test_an_exercise_is_whole(exercise):
    match = exercise.minutes
    assert (match[1], match[2], LEVELS[match[3]], match[4]) == (match[5], match[6], match[7], match[8]), "both halves of the heading agree"
    assert int(match[1]) == int(exercise.notebook[:2]) and int(match[4]) > 0
    assert len(HINTS.findall(exercise.zh)) == len(HINTS.findall(exercise.en)) == 3, "two hints and the solution"
    assert BLOCK.findall(exercise.zh) == BLOCK.findall(exercise.en), "the same code in both languages"
    asked, given = names_of(exercise.starter)[0], names_of(solution(exercise.en))[0]
    assert {name for name in asked if not name.startswith("check_")} <= given, "the solution defines what the starter asks for"


@each_exercise
def test_the_starter_is_unfinished_and_the_solution_passes(exercise, monkeypatch):
    monkeypatch.chdir(NBS)
    answer, state = solution(exercise.en), torch.get_rng_state()
    space = context(exercise, exercise.starter, answer)
    torch.set_rng_state(state)
    verdict = answered(exercise.starter, space)
    assert verdict.grade == "missing", verdict
    verdict = answered(exercise.starter, space, answer)
    assert verdict.grade == "exact", verdict


@pytest.mark.parametrize("path", [path for path in notebooks() if re.match("0|1[0-2]_", path.stem)], ids=lambda path: path.stem)
def test_every_chapter_has_exercises_of_each_level(path):
    mine = [exercise for exercise in EXERCISES if exercise.notebook == path.stem]
    assert {exercise.level for exercise in mine} == set(LEVELS)
    assert [exercise.number for exercise in mine] == [f"{int(path.stem[:2])}.{i + 1}" for i in range(len(mine))]


@pytest.mark.parametrize("name", CHECKERS)
def test_every_checker_belongs_to_an_exercise(name):
    numbers = re.search(r"Exercise (\d+)\.(\d+):.*\n\s*练习(\d+)\.(\d+)：", getattr(exercises, name).__doc__)
    assert numbers and numbers.groups()[:2] == numbers.groups()[2:]
    users = [exercise.number for exercise in EXERCISES if re.search(rf"\b{name}\(", exercise.starter)]
    assert users == [f"{numbers[1]}.{numbers[2]}"]


# Tables of known mistakes, and how a row becomes the answers for the table's checker

TABLES = {
    "KL": "check_kl", "KL_SLIPS": "check_kl", "KL_BETWEEN": "check_kl_between", "MOMENT": "check_second_moment",
    "MEAN_LOSS": "check_mean_loss",
    "TO_TENSOR": "check_to_tensor", "PCA_ERROR": "check_pca_error", "PATHWISE": "check_gradient_variance",
    "SCORE": "check_gradient_variance",
    "STEP": "check_first_step", "EXCHANGE": "check_exchange", "AXES": "check_axis_cost",
    "LOGMEANEXP": "check_logmeanexp", "BOUND": "check_bound", "CLIPPED": "check_clipped_mean", "GAIN": "check_gain",
    "UNLABELED": "check_unlabeled", "BEST_Q": "check_best_class", "BEST_VALUE": "check_best_class", "RATE": "check_same_steps",
    "FLOW_PAIR": "check_flow_pair", "QUANTIZE": "check_quantize", "LEFT_TABLE": "check_left_table",
    "MERGED": "check_merge"}
BESIDE = {
    "PATHWISE": lambda wrong: (wrong, exercises.score_variance), "SCORE": lambda wrong: (exercises.pathwise_variance, wrong),
    "BEST_Q": lambda wrong: (lambda bounds: (wrong(bounds), bounds.logsumexp(1)),),
    "BEST_VALUE": lambda wrong: (lambda bounds: (bounds.softmax(1), wrong(bounds)),)}


def rows():
    """Each row of each table of mistakes."""
    for table, name in TABLES.items():
        yield from (pytest.param(table, name, mistake, id=f"{table}-{i}") for i, mistake in enumerate(getattr(exercises, table)))


def test_every_table_is_named_here():
    tables = {name for name, value in vars(exercises).items() if isinstance(value, list) and value and isinstance(value[0], Mistake)}
    assert tables == {*TABLES, "WRONG_KL"}


@pytest.mark.parametrize("table, name, mistake", list(rows()))
def test_a_known_mistake_gets_its_own_words(table, name, mistake):
    verdict = getattr(exercises, name)(*BESIDE.get(table, lambda wrong: (wrong,))(mistake.answer))
    assert verdict.grade == mistake.grade and verdict.zh.endswith(mistake.zh) and verdict.en.endswith(mistake.en), verdict


# Wrong answers as readers write them: the checker, the answers, a piece of what it should say, and the grade

Wrong = namedtuple("Wrong", "name answers says grade", defaults=("wrong",))


def linear(k=10, **options):
    """An encoder and a decoder that have not been trained."""
    torch.manual_seed(0)
    return nn.Linear(784, k, **options), nn.Linear(k, 784, **options)


def best_linear(k):
    """An encoder and a decoder as good as k principal components; they wait for the data until they are called."""
    @functools.cache
    def directions():
        rows, _ = exercises.training_rows()
        return rows.mean(0), torch.linalg.eigh(torch.cov(rows.T)).eigenvectors[:, -k:]

    def encode(x):
        mean, axes = directions()
        return (x - mean) @ axes

    def decode(z):
        mean, axes = directions()
        return z @ axes.T + mean
    return encode, decode


def rising(x):
    """The eigenvalues of the covariance as eigvalsh gives them, from the smallest up."""
    return torch.linalg.eigvalsh(torch.cov(x.T, correction=0))


def trained(model, images, optimizer, batch_size, order=torch.randperm, mode=True, clear=range(9), step=range(9), mean=False, between=False,
            keep=slice(None)):
    """An epoch of training that clears and steps in these batches, or with another fault; the sums and sizes of its batches."""
    model.train(mode)
    sums, sizes = [], []
    for i, index in enumerate([*order(len(images)).split(batch_size)][keep]):
        reconstructed, mu, logvar = model(images[index])
        loss = loss_function(reconstructed, images[index], mu, logvar)
        if i in clear:
            optimizer.zero_grad()
        (loss / len(index) if mean else loss).backward()
        if between:
            optimizer.zero_grad()
        if i in step:
            optimizer.step()
        sums.append(loss.item())
        sizes.append(len(index))
    return torch.tensor(sums), torch.tensor(sizes)


def loop(report=lambda sums, sizes: (sums.sum() / sizes.sum()).item(), **faults):
    """A training loop with these faults."""
    return lambda *arguments: report(*trained(*arguments, **faults))


def prior(draw=torch.randn, size=3, heat=lambda t: t, end=lambda rows: rows.view(-1, 1, 28, 28)):
    """A sampler of the prior with one fault."""
    return lambda model, count, generator, temperature=1.0: end(model.decode(heat(temperature) * draw(count, size, generator=generator)))


def by_class(draw):
    """Samples class by class, by a function of the codes of a class and a count."""
    return lambda codes, labels, count: torch.cat([draw(codes[labels == d], count // 10) for d in range(10)])


def half(mu, logvar):
    return 0.5 * (logvar.exp() + mu**2 - 1 - logvar)


def in_place(mu, logvar):
    mu *= 2
    return half(mu / 2, logvar).sum(1)


def exchange_in_place(z, old, new, means):
    z += means[new] - means[old]
    return z


def four_bits(weight, inputs, scale=None, limit=7):
    """Nearest rounding of each weight by itself, in 4 bits."""
    scale = abs(weight).max(1) / limit if scale is None else scale
    return (weight / scale[:, None]).round(), scale


def row(largest, cut=lambda values: values.round(), top=abs):
    """A quantizer with this largest number, this way to make a number whole, and this size of a weight."""
    def quantize(w, bits):
        s = top(w).max() / largest(bits) or 1.0
        return cut(w / s), s
    return quantize


class Repeated(nn.Module):
    """Its first channel as often as asked for."""
    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def forward(self, x):
        return x[:, :1].expand(-1, self.channels, -1, -1)


ONES, WIDE = torch.ones(20) / 20**0.5, -torch.eye(20)[6]
WRONG = [
    Wrong("check_flow_pair", [lambda noise, z, t: (1 - t) * noise + t * z], "two things"),
    Wrong("check_flow_pair", [lambda noise, z, t: ((1 - t) * noise + t * z, 2 * (z - noise))], "and should be"),
    Wrong("check_least_rate", [0.64, math.log(2), math.log(2)], "determinant"),
    Wrong("check_least_rate", [0.4, 2 * math.log(2), math.log(2)], "½"),
    Wrong("check_least_rate", [0.4, 1.0, math.log(2)], "bits"),
    Wrong("check_least_rate", [0.4, -0.5 * math.log(0.64), math.log(2)], "mutual information"),
    Wrong("check_least_rate", [0.4, math.log(2), 0], "conveyed"),
    Wrong("check_quantize", [lambda v, e: e], "should be that of the vectors"),
    Wrong("check_quantize", [lambda v, e: v + (e[torch.cdist(v, e).argmin(1)] - v).detach() * 0.5], "and should be"),
    Wrong("check_code_bits", [1.75, 98, 85.75, 59.44], "the entropy in bits"),
    Wrong("check_code_bits", [2**1.75, 49 * math.log(4), 85.75, 59.44], "base 2"),
    Wrong("check_code_bits", [2**1.75, 98, 98, 59.44], "uniform prior"),
    Wrong("check_code_bits", [2**1.75, 98, 85.75, 85.75 / math.log(2)], "divided instead"),
    Wrong("check_left_table", [lambda codes, k: torch.full((k, k), 1 / k)], "and should be"),
    Wrong("check_merge", [lambda m, v, n, w: m + n], "two things"),
    Wrong("check_merge", [lambda m, v, n, w: (m, w[..., :1])], "one shape"),
    Wrong("check_merge", [lambda m, v, n, w: (m, v)], "and should be"),
    Wrong("check_two_rates", [math.log(5), ..., ...], "½"),
    Wrong("check_two_rates", [0.5 * math.log(5), -0.5 * math.log(1 - 0.64 / 1.25), ...], "about the sample"),
    Wrong("check_two_rates", [0.5 * math.log(5), -0.5 * math.log(0.36), -0.5 * math.log(0.36)], "noise besides"),
    Wrong("check_two_rates", [0.5 * math.log(5) - 0.5 * math.log(0.36), ..., ...], "counted twice"),
    Wrong("check_no_gate", [-110.9, 0.0, 21.7], "sign"),
    Wrong("check_no_gate", [1_109_000, 0.0, 21.7], "not the sum"),
    Wrong("check_no_gate", [110.9, 21.7, 0.0], "swapped"),
    Wrong("check_no_gate", [110.9, 4.3, 14.6], "still merged"),
    Wrong("check_no_gate", [113.4, 0.0, 19.0], "no warm-up"),
    Wrong("check_no_gate", [108.0, 0.0, 21.7], "two passes"),
    Wrong("check_no_gate", [110.9, 0.0, 16.0], "about 21"),
    Wrong("check_no_gate", [math.nan, 0.0, 21.7], "not finite"),
    Wrong("check_no_gate", [110.9, 0.0, ...], "lower_nats", "missing"),
    Wrong("check_without_labels", [lambda codes, count: torch.randn(count, 20)], "covers all digits"),
    Wrong("check_without_labels", [lambda codes, count: codes[:count]], "were given"),
    Wrong("check_without_labels", [lambda codes, count: codes[:count] + 0.1 * torch.randn(count, 20)], "with a little noise"),
    Wrong("check_without_labels", [lambda codes, count: codes[:1] + 0.1 * torch.randn(count, 20)], "of the variance"),
    Wrong("check_without_labels", [lambda codes, count: MultivariateNormal(codes.mean(0), torch.cov(codes.T)).sample((count,))],
        "covers all"),
    Wrong("check_to_tensor", [lambda p: p.permute(2, 0, 1).float()], "255"),
    Wrong("check_to_tensor", [lambda p: p.permute(2, 0, 1).float() / 256], "256"),
    Wrong("check_to_tensor", [lambda p: p.permute(2, 0, 1) // 255], "convert to floats"),
    Wrong("check_to_tensor", [lambda p: p.permute(2, 0, 1).double() / 255], "torch.float64", "close"),
    Wrong("check_to_tensor", [lambda p: p.permute(2, 0, 1).numpy() / np.float32(255)], "type is ndarray", "close"),
    Wrong("check_to_tensor", [lambda p: p.reshape(p.shape[2], *p.shape[:2]) / 255], "permute"),
    Wrong("check_pca_error", [lambda x, k: torch.linalg.svdvals(x)[k:].square().sum() / len(x)], "mean is not subtracted"),
    Wrong("check_pca_error", [lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:].sum() / len(x)], "singular values"),
    Wrong("check_pca_error", [lambda x, k: torch.linalg.eigvalsh(torch.cov(x.T)).flip(0)[k:].sum()], "N − 1", "close"),
    Wrong("check_pca_error", [lambda x, k: torch.linalg.svdvals(x - x.mean(0))[k:].square().mean() / len(x)], "mean of the dropped"),
    Wrong("check_pca_error", [lambda x, k: rising(x)[k:].sum()], "smallest up"),
    Wrong("check_pca_error", [lambda x, k: rising(x)[:-k].sum()], "k = 0", "close"),
    Wrong("check_pca_error", [lambda x, k: rising(x).flip(0)[k:].sum() / rising(x).sum()], "share"),
    Wrong("check_pca_error", [lambda x, k: rising(x).flip(0)[k:].square().sum()], "should be"),
    Wrong("check_linear_autoencoder", linear(), "nothing much"),
    Wrong("check_linear_autoencoder", [linear()[0], nn.Linear(10, 100)], "(2, 100) instead of (2, 784)"),
    Wrong("check_linear_autoencoder", best_linear(20), "10 numbers and not 20", "close"),
    Wrong("check_linear_autoencoder", [nn.Sequential(linear()[0], nn.ReLU()), linear()[1]], "not linear"),
    Wrong("check_linear_autoencoder", [linear()[0], nn.Sequential(linear()[1], nn.Sigmoid())], "not linear"),
    Wrong("check_linear_autoencoder", [lambda x: x, lambda z: z], "much smaller"),
    Wrong("check_reparameterize", [lambda mu, v: mu + v.exp() * torch.randn_like(mu)], "variance"),
    Wrong("check_reparameterize", [lambda mu, v: mu + 0.5 * v.exp() * torch.randn_like(mu)], "into the exponent"),
    Wrong("check_reparameterize", [lambda mu, v: mu + 2 * v.exp() * torch.randn_like(mu)], "times exp(logvar)"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp()], "no random number is drawn"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp() * torch.rand_like(mu)], "uniform"),
    Wrong("check_reparameterize", [lambda mu, v: torch.normal(mu, (v / 2).exp())], "no gradient"),
    Wrong("check_reparameterize", [lambda mu, v: torch.distributions.Normal(mu, (v / 2).exp()).sample()], "no gradient"),
    Wrong("check_reparameterize", [lambda mu, v: mu], "not a sample"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp() * torch.randn(())], "share one"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp() * torch.randn(20)], "share one"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp().detach() * torch.randn_like(mu)], "detach"),
    Wrong("check_reparameterize", [lambda mu, v: torch.manual_seed(0) and mu + (v / 2).exp() * torch.randn_like(mu)], "same each time"),
    Wrong("check_reparameterize", [lambda mu, v: mu + (v / 2).exp() * 2 * torch.randn_like(mu)], "standard normal"),
    Wrong("check_gradient_variance", [lambda m, s: 4 * s**2, lambda m, s: m**4 / s**2 + 18 * m**2 + 15 * s**2],
          "score: this is the second moment"),
    Wrong("check_gradient_variance", [lambda m, s: 4 * m**2 + 4 * s**2, lambda m, s: 0], "reparameterized: this is E"),
    Wrong("check_initialize", [lambda layer: nn.init.xavier_normal_(layer.weight)], "double the variance"),
    Wrong("check_initialize", [lambda layer: nn.init.normal_(layer.weight, std=2 / layer.in_features)], "too small"),
    Wrong("check_initialize", [lambda layer: nn.init.normal_(layer.weight)], "too large"),
    Wrong("check_initialize", [lambda layer: nn.init.kaiming_normal_(layer.weight, mode="fan_out")], "inputs, not of outputs"),
    Wrong("check_initialize", [lambda layer: nn.init.constant_(layer.weight, 0.05)], "at random"),
    Wrong("check_initialize", [lambda layer: layer.reset_parameters()], "too small"),
    Wrong("check_initialize", [lambda layer: layer.weight.normal_()], "use nn.init.normal_"),
    Wrong("check_initialize", [lambda layer: setattr(layer, "weight", torch.randn(400, 400))], "use nn.init.normal_"),
    Wrong("check_initialize", [lambda layer: setattr(layer.weight, "data", torch.randn(400, 400) * (2 / 400)**0.5)], "layer.in_features"),
    Wrong("check_initialize", [lambda layer: setattr(layer.weight, "data", torch.randn(100, 400))], "400 by 400"),
    Wrong("check_initialize", [lambda layer: torch.randn(400, 400) * (2 / 400)**0.5], "what they were"),
    Wrong("check_kl", [lambda mu, v: -half(mu, v).sum(1)], "sign"),
    Wrong("check_kl", [lambda mu, v: (v.exp() + mu**2 - 1 - v).sum(1)], "1/2"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v + mu**2 - 1 - v).sum(1)], "exp is forgotten"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp() + mu**2 - 1 + v).sum(1)], "sign of logvar"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).mean(1)], "mean over the latent"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum()], "batch is summed"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum(0)], "dimension 0"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum(1, keepdim=True)], "only the shape", "close"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum(1).detach()], "no gradient", "close"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp().detach() + mu**2 - 1 - v).sum(1)], "through one term", "close"),
    Wrong("check_kl", [in_place], "have changed", "close"),
    Wrong("check_kl", [lambda mu, v: 1.002 * half(mu, v).sum(1)], "1.002 times", "close"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).half().sum(1)], "should be", "close"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp() + mu**2 - 1 - (v.exp() + 1e-6).log()).sum(1)], "at [", "close"),
    Wrong("check_kl", [lambda mu, v: 3 * half(mu, v).sum(1)], "3 times"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum(1) + 1], "exactly +1 "),
    Wrong("check_kl", [lambda mu, v: 0 * half(mu, v).sum(1)], "0 everywhere"),
    Wrong("check_kl", [lambda mu, v: half(mu, v.log()).sum(1)], "logarithm already"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp() + mu**2 - 1 - 2 * v.sqrt().log()).sum(1)], "no logarithm and no root"),
    Wrong("check_kl", [lambda mu, v: 0.5 * ((v / 2).exp() + mu**2 - 1 - v).sum(1)], "standard deviation"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp() + mu**2 - 1 - v / 2).sum(1)], "do not halve"),
    Wrong("check_kl", [lambda mu, v: 0.5 * ((v / 2).exp() + mu**2 - 1 - v / 2).sum(1)], "log σ"),
    Wrong("check_kl", [lambda mu, v: 0.5 * (v.exp() - 1 - v).sum(1)], "μ² is missing"),
    Wrong("check_kl", [lambda mu, v: half(mu, v).sum(1) + mu.abs().sum(1)], "for the input [[1.541, -0.2934]], [[-2.1788, 0.5684]]"),
    Wrong("check_kl", [lambda mu, v: (half(mu, v).sum(1), None)[1]], "return missing"),
    Wrong("check_kl", [lambda mu, v: (half(mu, v), half(mu, v))], "tuple (of Tensor, Tensor)"),
    Wrong("check_kl", [lambda mu: mu], "TypeError"),
    Wrong("check_kl", [lambda mu, v: "text"], "has the type str"),
    Wrong("check_kl", [half(torch.zeros(2, 2), torch.zeros(2, 2))], "function itself"),
    Wrong("check_kl_between", [lambda m, s, n, t: math.log(s / t) + (s**2 + (m - n)**2) / (2 * t**2) - 0.5], "upside down"),
    Wrong("check_kl_between", [lambda m, s, n, t: math.log(s / t) + (t**2 + (m - n)**2) / (2 * s**2) - 0.5], "wrong order"),
    Wrong("check_kl_between", [lambda m, s, n, t: 0.5 * math.log(t / s) + (s + (m - n)**2) / (2 * t) - 0.5], "square them"),
    Wrong("check_second_moment", [lambda v: v / math.sqrt(2 * v - 1)], "return math.inf", "close"),
    Wrong("check_second_moment", [lambda v: v / math.sqrt(2 * v - 1) - 1 if v > 0.5 else math.inf], "variance of the weights"),
    Wrong("check_second_moment", [lambda v: math.inf if v < 0.5 else v / math.sqrt(2 * v - 1)], "for v = 0.5", "close"),
    Wrong("check_second_moment", [lambda v: v / torch.sqrt(2 * v - 1) if v > 0.5 else math.nan], "for v = 0.1", "close"),
    Wrong("check_second_moment", [lambda v: v / math.sqrt(2 * v - 1) if v > 0.5 else None], "return math.inf", "close"),
    Wrong("check_second_moment", [lambda v: v / math.sqrt(2 * v - 1) if v > 0.5 else torch.ones(2)], "one number"),
    Wrong("check_second_moment", [lambda v: v / math.sqrt(2 * v - 1) if v > 1 else math.inf], "changes its sign"),
    Wrong("check_mean_loss", [loss_function], "usual loss"),
    Wrong("check_mean_loss", [lambda r, x, m, v: F.binary_cross_entropy(r, x.flatten(1)) + half(m, v).sum(1).mean()], "stays a sum"),
    Wrong("check_mean_loss", [lambda r, x, m, v: F.binary_cross_entropy_with_logits(r, x.flatten(1)) + half(m, v).sum()], "second sigmoid"),
    Wrong("check_mean_loss", [lambda r, x, m, v: F.binary_cross_entropy(x.flatten(1), r) + half(m, v).sum()], "swapped"),
    Wrong("check_mean_loss", [lambda r, x, m, v: F.mse_loss(r, x.flatten(1)) + half(m, v).sum()], "should be"),
    Wrong("check_mean_loss", [lambda r, x, m, v: F.binary_cross_entropy(r, x.flatten(1)) - half(m, v).sum()], "sign"),
    Wrong("check_mean_loss", [lambda r, x, m, v: (F.binary_cross_entropy(r, x.flatten(1)) + half(m, v).sum()).item()], "no gradient",
          "close"),
    Wrong("check_train_epoch", [loop(keep=slice(-1))], "last batch"),
    Wrong("check_train_epoch", [loop(order=torch.arange)], "shuffle"),
    Wrong("check_train_epoch", [loop(order=lambda n: torch.randint(n, (n,)))], "exactly once"),
    Wrong("check_train_epoch", [loop(mode=False)], "model.train()", "close"),
    Wrong("check_train_epoch", [loop(mode=False, clear=())], "not cleared"),
    Wrong("check_train_epoch", [loop(clear=())], "not cleared"),
    Wrong("check_train_epoch", [loop(clear=(0,))], "only once in an epoch"),
    Wrong("check_train_epoch", [loop(step=(2,))], "only one step"),
    Wrong("check_train_epoch", [loop(clear=(0,), step=(2,))], "only one step"),
    Wrong("check_train_epoch", [loop(step=())], "optimizer.step()"),
    Wrong("check_train_epoch", [loop(between=True)], "no zero_grad in between"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: (sums / sizes).sum() / sizes.sum())], "divided twice"),
    Wrong("check_train_epoch", [loop(mean=True)], "mean loss", "close"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: (sums / sizes).mean())], "mean of means"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: sums.sum())], "number of images"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: sums.mean())], "number of batches"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: sums.sum() / 12)], "not full"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: sums.sum() / 8)], "batches − 1"),
    Wrong("check_train_epoch", [loop(lambda sums, sizes: sums[-1] / sizes[-1])], "last batch alone"),
    Wrong("check_train_epoch", [lambda model, images, *rest: loop()(model, 1 - images, *rest)], "not the images given"),
    Wrong("check_train_epoch", [lambda model, images, optimizer, size: loop()(model, images, optimizer, 10)], "larger than batch_size"),
    Wrong("check_train_epoch", [lambda *_: 0.0], "not called"),
    Wrong("check_first_step", [lambda g, lr, b, c: (lr, lr)], "without the correction"),
    Wrong("check_first_step", [lambda g, lr, b, c: (lr, lr * (1 - b) / (1 - c))], "under a root"),
    Wrong("check_first_step", [lambda g, lr, b, c: (lr * abs(g), lr * abs(g) * (1 - b) / math.sqrt(1 - c))], "cancels"),
    Wrong("check_first_step", [lambda g, lr, b, c: (lr * g, lr * g)], "plain gradient descent"),
    Wrong("check_first_step", [lambda g, lr, b, c: (lr * g, lr * g * (1 - b) / math.sqrt(1 - c))], "gradient cancels"),
    Wrong("check_first_step", [lambda g, lr, b, c: (math.copysign(lr, g), math.copysign(lr, g) * (1 - b) / math.sqrt(1 - c))], "absolute",
          "close"),
    Wrong("check_rates", [{1e-4: 287.7, 1e-3: 164.9, 1e-2: 143.4, 1e-1: 202.4}], "new model"),
    Wrong("check_rates", [{1e-4: 425.0, 1e-3: 246.0, 1e-2: 204.0, 1e-1: 3400.0}], "training loss"),
    Wrong("check_rates", [{1e-4: 578000.0}], "average per image"),
    Wrong("check_rates", [{1e-3: 320.0}], "too high"),
    Wrong("check_rates", [{1e-4: 289.0, 1e-3: ...}], "0.001, 0.01, 0.1", "missing"),
    Wrong("check_rates", [[289.0, 190.0]], "dictionary"),
    Wrong("check_sample_prior", [prior(draw=torch.rand)], "standard normal"),
    Wrong("check_sample_prior", [prior(draw=lambda *shape, generator: torch.randn(*shape))], "generator"),
    Wrong("check_sample_prior", [prior(draw=lambda *shape, generator: torch.manual_seed(0) and torch.randn(*shape))],
          "global random state"),
    Wrong("check_sample_prior", [prior(size=20)], "latent_dim"),
    Wrong("check_sample_prior", [prior(draw=lambda n, size, generator: torch.randn(1, size, generator=generator).expand(n, size))],
          "same z"),
    Wrong("check_sample_prior", [prior(end=lambda rows: rows)], "(2000, 784)", "close"),
    Wrong("check_sample_prior", [prior(end=lambda rows: (rows > 0.5).float().view(-1, 1, 28, 28))], "samples of the pixels"),
    Wrong("check_sample_prior", [prior(end=lambda rows: 0.9 * rows.view(-1, 1, 28, 28))], "what these z decode to"),
    Wrong("check_sample_prior", [prior(end=lambda rows: torch.bernoulli(rows).view(-1, 1, 28, 28))], "drawn after decoding"),
    Wrong("check_sample_prior", [prior(heat=lambda t: 1)], "does not multiply z"),
    Wrong("check_sample_prior", [prior(heat=lambda t: t**0.5)], "√t"),
    Wrong("check_sample_prior", [prior(heat=lambda t: 1 / t)], "divided by the temperature"),
    Wrong("check_sample_prior", [lambda m, n, g, t=1.0: torch.rand(n, 1, 28, 28, generator=g)], "not called"),
    Wrong("check_sample_prior", [lambda m, n, g: m.decode(torch.randn(n, 3, generator=g)).view(n, 1, 28, 28)], "TypeError"),
    Wrong("check_shell", [20, 40, 0.7, 3.1], "spread_of_square: this is the variance"),
    Wrong("check_shell", [20, 20**0.5, 0.7, 3.1], "3 − 1"),
    Wrong("check_shell", [20, 40**0.5, 1, 3.1], "derivative"),
    Wrong("check_shell", [20, 40**0.5, 0.7026, 20**0.5], "norm_of_midpoint"),
    Wrong("check_shell", [20, 6.0, 0.7, 3.123], "too small", "close"),
    Wrong("check_shell", [20, ..., ..., 3.123], "spread_of_square, spread_of_norm", "missing"),
    Wrong("check_emptiest", [lambda codes: (1, 2)], "any two codes"),
    Wrong("check_emptiest", [lambda codes: (5, 5)], "are equal"),
    Wrong("check_emptiest", [lambda codes: (codes[1], codes[2])], "not the codes"),
    Wrong("check_emptiest", [lambda codes: codes[:2]], "not the codes"),
    Wrong("check_emptiest", [lambda codes: (0, 10_000)], "0 to 9999"),
    Wrong("check_emptiest", [lambda codes: (8047, 2215)], "long is not empty", "close"),
    Wrong("check_per_class", [lambda codes, labels, count: torch.randn(count, 20)], "hardly lower"),
    Wrong("check_per_class", [lambda codes, labels, count: codes[:count]], "were given"),
    Wrong("check_per_class", [lambda codes, labels, count: codes[:count] + 0.1 * torch.randn(count, 20)], "with a little noise"),
    Wrong("check_per_class", [by_class(lambda mine, n: mine.mean(0).expand(n, 20))], "repeating its mean"),
    Wrong("check_per_class", [by_class(lambda mine, n: mine.mean(0) + 0.1 * torch.randn(n, 20))], "no longer varied"),
    Wrong("check_per_class", [by_class(lambda mine, n: mine.mean(0) + torch.randn(n, 20))], "shape of each class"),
    Wrong("check_per_class", [by_class(lambda mine, n: mine.mean(0) + mine.std(0) * torch.randn(n, 20))], "go together", "close"),
    Wrong("check_per_class", [by_class(lambda mine, n: MultivariateNormal(mine.mean(0), torch.cov(mine)).sample((n,)))], "raises"),
    Wrong("check_exchange", [lambda z, old, new, means: z - means[new] + means[old]], "other way"),
    Wrong("check_exchange", [lambda z, old, new, means: z + means[new]], "subtract means[old]"),
    Wrong("check_exchange", [lambda z, old, new, means: means[new]], "handwriting is gone"),
    Wrong("check_exchange", [lambda z, old, new, means: z + means[new[0]] - means[old[0]]], "same pair"),
    Wrong("check_exchange", [exchange_in_place], "have changed", "close"),
    Wrong("check_axis_cost", [lambda s, t, a: 2 * float(exercises.cost_of_axes(s, t, a))], "1/2"),
    Wrong("check_axis_cost", [lambda s, t, a: exercises.cost_of_axes(s, t, torch.deg2rad(a))], "ω is in radians"),
    Wrong("check_axis_cost", [lambda s, t, a: exercises.cost_of_axes(s.sqrt(), t.sqrt(), a)], "principal axes the precisions"),
    Wrong("check_axis_cost", [lambda s, t, a: exercises.cost_of_axes(s, t, a) / math.log(2)], "bits"),
    Wrong("check_wider", [-WIDE], "sign"),
    Wrong("check_wider", [2 * WIDE], "length"),
    Wrong("check_wider", [WIDE], "tilts", "close"),
    Wrong("check_wider", [torch.eye(20)[14]], "tilts as well", "close"),
    Wrong("check_wider", [ONES], "hardly wider"),
    Wrong("check_wider", [ONES[:10]], "20 finite numbers"),
    Wrong("check_logmeanexp", [lambda w: w.exp().mean(0).log()], "maximum", "close"),
    Wrong("check_logmeanexp", [lambda w: w.mean(0)], "mean of the logarithms"),
    Wrong("check_logmeanexp", [lambda w: w.logsumexp(0)], "log k"),
    Wrong("check_logmeanexp", [lambda w: w.logsumexp(1) - math.log(w.shape[1])], "dimension 0"),
    Wrong("check_bound", [lambda k: 0.5 * math.log(3)], "inside the logarithm"),
    Wrong("check_bound", [lambda k: math.log(2)], "limit"),
    Wrong("check_bound", [lambda k: sum(math.comb(k, j) / 2**k * math.log(k + 2 * j) for j in range(k + 1))], "not divided by k"),
    Wrong("check_nll_curve", [{1: -90.8, 10: -87.2, 100: -85.8, 1000: -85.0}], "sign"),
    Wrong("check_nll_curve", [{1: 90.8, 10: 90.7, 100: 90.8, 1000: 90.8}], "before the logarithm"),
    Wrong("check_nll_curve", [{1: 90.8, 10: 87.2 - math.log(10), 100: 81.2, 1000: 78.1}], "log k"),
    Wrong("check_nll_curve", [{1: 104.2, 10: 101.2, 100: 100.1, 1000: 99.7}], "gray"),
    Wrong("check_nll_curve", [{1: 9080.0}], "average over images"),
    Wrong("check_nll_curve", [{1: 90.8, 10: 87.2}], "[100, 1000]", "missing"),
    Wrong("check_unlabeled", [lambda bounds, log_q: (log_q.exp() * bounds).sum(1) + (log_q.exp() * log_q).sum(1)], "sign of the entropy"),
    Wrong("check_unlabeled", [lambda bounds, log_q: (log_q.softmax(1) * bounds).sum(1)], "entropy of q is missing"),
    Wrong("check_best_class", [lambda bounds: bounds.softmax(1)], "two things"),
    Wrong("check_best_class", [lambda bounds: (bounds.softmax(0), bounds.logsumexp(1))], "should be"),
    Wrong("check_label_seeds", [[0.69, 0.673]], "5 numbers"),
    Wrong("check_label_seeds", [[69.0, 67.3, 67.2, 70.7, 68.8]], "percentages"),
    Wrong("check_label_seeds", [[0.31, 0.327, 0.328, 0.293, 0.312]], "error rates"),
    Wrong("check_label_seeds", [[0.69, 0.673, 0.672, 0.707, 0.6]], "seed 4"),
    Wrong("check_mended", [lambda mu, v, eps: mu + v.exp() * eps, lambda sums, sizes: sums.sum() / sizes.sum(),
                           lambda w: w.logsumexp(0) - math.log(len(w))], "sample_z"),
    Wrong("check_mended", [lambda mu, v, eps: mu + (v / 2).exp() * eps, lambda sums, sizes: (sums / sizes).mean(),
                           lambda w: w.logsumexp(0) - math.log(len(w))], "epoch_average"),
    Wrong("check_mended", [lambda mu, v, eps: mu + (v / 2).exp() * eps, lambda sums, sizes: sums.sum() / sizes.sum(),
                           lambda w: w.logsumexp(0)], "log_bound"),
    Wrong("check_mended", [lambda mu, v, eps: mu + 2 * v * eps, ..., ...], "sample_z"),
    Wrong("check_giveaways", [784, ..., ...], "bits"),
    Wrong("check_giveaways", [543.4, 474.1, 5.5], "white pixels cost"),
    Wrong("check_giveaways", [543.4, 505.5, 55], "divide by the 10"),
    Wrong("check_detector", [lambda kl: True], "every mistake"),
    Wrong("check_detector", [lambda kl: False], "no right function"),
    Wrong("check_detector", [lambda kl: torch.equal(kl(torch.ones(3, 50) / 3, torch.ones(3, 50) / 7),
                                                    kl_divergence(torch.ones(3, 50) / 3, torch.ones(3, 50) / 7))], "allclose"),
    Wrong("check_detector", [lambda kl: torch.allclose(kl(torch.ones(1, 1), torch.zeros(1, 1)), torch.tensor(0.5))], "mistakes pass"),
    Wrong("check_resize_block", [lambda before, after: nn.ConvTranspose2d(before, after, 4, 2, 1)], "even stamps or not"),
    Wrong("check_resize_block", [lambda before, after: nn.ConvTranspose2d(before, after, 3, 2, 1, 1)], "has a pattern"),
    Wrong("check_resize_block", [lambda before, after: nn.Sequential(nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2))],
          "enlarge by interpolation"),
    Wrong("check_resize_block", [lambda before, after: nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.Upsample(scale_factor=2))],
          "enlarge first"),
    Wrong("check_resize_block", [lambda before, after: nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3))],
          "(2, 5, 10, 12)"),
    Wrong("check_resize_block", [lambda before, after: nn.Upsample(scale_factor=2)], "(2, 3, 12, 14)"),
    Wrong("check_resize_block", [lambda before, after: nn.Sequential(nn.Upsample(scale_factor=2), Repeated(after))], "nothing to learn"),
    Wrong("check_resize_block", [lambda before, after: torch.zeros(1)], "nn.Module"),
    Wrong("check_clipped_mean", [lambda c, s: min(max(c, 0), 1)], "not its center"),
    Wrong("check_clipped_mean", [lambda c, s: math.log1p(math.exp(c / s)) - math.log1p(math.exp((c - 1) / s))], "factor s"),
    Wrong("check_clipped_mean", [lambda c, s: s * math.log1p(math.exp(c / s))], "below only"),
    Wrong("check_clipped_mean", [lambda c, s: s * (math.log1p(math.exp((1 - c) / s)) - math.log1p(math.exp(-c / s)))], "below t"),
    Wrong("check_clipped_mean", [lambda c, s: s * (F.softplus(c / s) - F.softplus((c - 1) / s)) + 0.001], "should be 0.5"),
    Wrong("check_shifts", [{0: 126.0, 2: 165.7}, {0: 126.4, 2: 166.1}], "into redraw"),
    Wrong("check_shifts", [{0: 135.0, 2: 140.1}, {0: 135.7, 2: 140.4}], "not be trained on moved"),
    Wrong("check_shifts", [{0: -126.0, 2: -165.7}, {0: ..., 2: ...}], "sign"),
    Wrong("check_shifts", [{0: 126000.0, 2: ...}, {0: ..., 2: ...}], "average over images"),
    Wrong("check_shifts", [{0: 102.0, 2: 134.0}, {0: ..., 2: ...}], "20,000 images"),
    Wrong("check_shifts", [{0: 126.0, 2: 165.7}, {0: 135.7}], "moved[2]", "missing"),
    Wrong("check_shifts", [[126.0, 165.7], [135.7, 140.4]], "dictionaries"),
    Wrong("check_quantize_row", [row(lambda bits: 2**(bits - 1))], "same on both sides"),
    Wrong("check_quantize_row", [row(lambda bits: 2**bits - 1)], "signed"),
    Wrong("check_quantize_row", [row(lambda bits: 2**(bits - 1) - 1, lambda values: values.astype(int))], "cut off"),
    Wrong("check_quantize_row", [row(lambda bits: 2**(bits - 1) - 1, top=lambda w: w)], ""),
    Wrong("check_quantize_row", [lambda w, bits: ((w / (abs(w).max() / 127)).round(), abs(w).max() / 127)], "signed"),
    Wrong("check_gain", [lambda rho: 1 - rho**2], "R₁₁²"),
    Wrong("check_gain", [lambda rho: 2 - rho**2], "trace"),
    Wrong("check_four_bits", [four_bits], "nothing cancels"),
    Wrong("check_four_bits", [lambda weight, inputs: four_bits(weight, inputs, limit=8)], "−7 to 7"),
    Wrong("check_four_bits", [lambda weight, inputs: four_bits(weight.T, inputs)], "shape"),
    Wrong("check_own_rows", [lambda whole, rank, size: (rank * (whole // size), whole // size)], "taken by nobody"),
    Wrong("check_own_rows", [lambda whole, rank, size: (rank * -(-whole // size), -(-whole // size))], "beyond the batch"),
    Wrong("check_own_rows", [lambda whole, rank, size: (0, whole // size + (rank < whole % size))], "some rows are taken twice"),
    Wrong("check_own_rows", [lambda whole, rank, size: (0, whole) if rank == 0 else (whole, 0)], "the slowest", "close"),
    Wrong("check_own_rows", [lambda whole, rank, size: rank], "two numbers"),
    Wrong("check_same_steps", [lambda lr, batch, processes: lr], "too short"),
    Wrong("check_same_steps", [lambda lr, batch, processes: lr * processes], "inside each"),
    Wrong("check_same_steps", [lambda lr, batch, processes: lr * batch / processes], "over the processes"),
    Wrong("check_same_steps", [lambda lr, batch, processes: lr * batch * processes], "too much"),
    Wrong("check_ring", [lambda rows: ([sum(rows) / len(rows)] * len(rows), [1] * len(rows))], "averages"),
    Wrong("check_ring", [lambda rows: ([sum(rows)] + rows[1:], [1] * len(rows))], "only 1 of 4"),
    Wrong("check_ring", [lambda rows: (rows, [1] * len(rows))], "no process has the sum"),
    Wrong("check_ring", [lambda rows: ([sum(rows)] * len(rows), [0] * len(rows))], "nothing is sent"),
    Wrong("check_ring", [lambda rows: ([sum(rows)] * len(rows), [len(rows[0]) * (len(rows) - 1)] * len(rows))], "round a ring", "close"),
]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [pytest.param(wrong, id=f"{wrong.name}-{wrong.says}") for wrong in WRONG])
def test_a_wrong_answer_is_told_what_is_wrong(wrong, monkeypatch):
    monkeypatch.chdir(NBS)
    verdict = getattr(exercises, wrong.name)(*wrong.answers)
    assert verdict.grade == wrong.grade and wrong.says in verdict.en, verdict
    assert "broke off" not in verdict.en
    assert re.search("[\u3400-\u9fff]", verdict.zh) and not re.search("[\u3400-\u9fff]", verdict.en), verdict


def test_every_checker_has_wrong_answers():
    assert {wrong.name for wrong in WRONG} == set(CHECKERS)


def idle(*_):
    list(_)


WITHOUT_FUNCTION = {"check_shifts", "check_shell", "check_rates", "check_wider", "check_nll_curve", "check_giveaways", "check_initialize",
                    "check_label_seeds", "check_least_rate", "check_code_bits", "check_two_rates", "check_no_gate"}


@pytest.mark.parametrize("name", [name for name in CHECKERS if name not in WITHOUT_FUNCTION])
def test_a_forgotten_return_is_no_unwritten_answer(name, monkeypatch):
    monkeypatch.chdir(NBS)
    check = getattr(exercises, name)
    count = len(inspect.signature(check).parameters)
    verdict = check(*[idle] * count)
    assert verdict.grade == "wrong" and "return missing" in verdict.en and "return" in verdict.zh, verdict

    def unwritten(*_):
        """A docstring is not an answer yet."""
        ...
    assert check(*[unwritten] * count).grade == "missing"


def test_an_error_in_a_check_is_a_verdict_and_a_missing_file_is_not():
    def breaks(error):
        @exercises.checker
        def check(answer):
            raise error
        return check
    verdict = breaks(RuntimeError("shapes differ"))(1)
    assert verdict.grade == "wrong" and "shapes differ" in verdict.zh and "broke off" in verdict.en
    with pytest.raises(FileNotFoundError):
        breaks(FileNotFoundError("no data"))(1)


JUNK = [None, ..., 3, math.nan, "text", [], {}, {"a": ...}, torch.zeros(3, 3), lambda: 3, lambda *_: None, lambda *_: "text",
        lambda *_: (1, 2), lambda *_: torch.zeros(0), lambda *_: object(), nn.Linear(2, 2), print, int]


@pytest.mark.parametrize("name", CHECKERS)
def test_a_checker_takes_anything(name, monkeypatch):
    monkeypatch.chdir(NBS)
    check, state = getattr(exercises, name), torch.get_rng_state()
    count = len(inspect.signature(check).parameters)
    for junk in JUNK:
        verdict = check(*[junk] * count)
        assert isinstance(verdict, Verdict) and verdict.grade in ("wrong", "missing"), (junk, verdict)
    assert torch.equal(state, torch.get_rng_state()), "the random state is kept"
    assert {check(*[unwritten] * count).grade for unwritten in (None, ...)} == {"missing"}
