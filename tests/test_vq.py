"""`vae_nb.vq` beyond what the contract asks: codebooks, gradients, the prior over codes, and the bound of a posterior of one point."""
import ast
import math
import re
from itertools import product

import pytest
import torch
import torch.nn.functional as F

from bench.results import known
from bench.vq import ROOT, by_place, record, run
from tools.outputs import NBS, read
from vae_nb.evaluate import active_units, elbo, kl_per_dimension, nll
from vae_nb.loss import reconstruction_error
from vae_nb.prior import Mixture
from vae_nb.sample import interpolate, latent_means, manifold, reconstruct, sample_prior
from vae_nb.train import fit
from vae_nb.vq import VQVAE, Codebook, CodePrior, UniformCodes, fit_codes, perplexity, straight_through


def begun(codes=4, dim=2, **options):
    """A codebook that has seen a batch."""
    torch.manual_seed(0)
    book = Codebook(codes, dim, **options)
    book(torch.randn(60, dim))
    return book


def small(codes=5, **options):
    """A model of images of 8x4 with a grid of 4x2, whose codebook has been placed."""
    torch.manual_seed(0)
    model = VQVAE((1, 8, 4), (4,), codes, 3, **options)
    model(images().gt(0.5).float())
    return model.eval()


def images(count=12):
    return torch.rand(count, 1, 8, 4, generator=torch.Generator().manual_seed(1))


def random_prior(codes=5, grid=(4, 2), **options):
    """A prior that is not uniform."""
    torch.manual_seed(2)
    prior = CodePrior(codes, grid, 8, 2, **options)
    with torch.no_grad():
        prior.last.weight.normal_(), prior.last.bias.normal_(), prior.place.normal_()
    return prior


def test_the_nearest_code_is_that_of_cdist():
    book, vectors = begun(9, 3), torch.randn(7, 5, 3)
    assert torch.equal(book.nearest(vectors), torch.cdist(vectors, book.vectors).argmin(2))


def test_evaluation_leaves_the_codebook_alone_and_training_moves_it():
    book = begun()
    before = book.vectors.clone()
    chosen = book.eval()(torch.randn(30, 2))
    assert torch.equal(book.vectors, before) and chosen.shape == (30,)
    book.train()(torch.randn(30, 2))
    assert not torch.equal(book.vectors, before)


def test_averages_tend_to_the_means_of_the_vectors():
    book, centers = begun(3, 2, restart=0), torch.tensor([[-5.0, 0.0], [5.0, 0.0], [0.0, 9.0]])
    book.vectors.copy_(centers + 1), book.sums.copy_(20 * book.vectors), book.counts.fill_(20)
    for _ in range(100):
        book(centers.repeat(20, 1))
    torch.testing.assert_close(book.vectors, centers, rtol=0, atol=1e-2)


def test_the_first_batch_places_all_codes_on_its_vectors():
    torch.manual_seed(0)
    book, vectors = Codebook(5, 2), torch.randn(5, 2) + 100
    book(vectors)
    torch.testing.assert_close(book.vectors[book.vectors[:, 0].argsort()], vectors[vectors[:, 0].argsort()])


def test_a_dead_code_comes_back_and_one_in_use_stays():
    book = begun(2, 1, decay=0.5)
    book.vectors.copy_(torch.tensor([[0.0], [1000.0]])), book.counts.copy_(torch.tensor([10.0, 10.0]))
    book.sums.copy_(10 * book.vectors)
    for _ in range(9):
        book(torch.linspace(-1, 1, 20).unsqueeze(1))
    assert book.vectors.abs().max() <= 1 and book.counts.min() > 1
    alone = begun(2, 1, decay=0.5, restart=0)
    alone.vectors.copy_(torch.tensor([[0.0], [40.0]])), alone.counts.fill_(10), alone.sums.copy_(10 * alone.vectors)
    for _ in range(400):
        alone(torch.linspace(49, 51, 20).unsqueeze(1))
    torch.testing.assert_close(alone.vectors, torch.tensor([[0.0], [50.0]]))


@pytest.mark.parametrize("count,size", [(3, 2), (512, 511)])
def test_a_codebook_larger_than_the_first_batch_is_refused_and_unchanged(count, size):
    book = Codebook(count, 2)
    with pytest.raises(ValueError, match=f"{count} codes.*only {size} vectors.*larger batches"):
        book(torch.randn(size, 2))
    assert book.counts.sum() == 0
    book.counts.fill_(1)
    book(torch.randn(size, 2))


def test_a_codebook_larger_than_the_data_is_refused_before_the_first_step():
    model = VQVAE((1, 8, 4), (4,), 100, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="100 codes.*only 96 vectors"):
        fit(model, images(), images(), 1, loss=model.loss, progress=False)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_vectors_that_are_not_finite_are_refused():
    with pytest.raises(FloatingPointError, match="diverged"):
        begun()(torch.full((9, 2), math.inf))


def test_straight_through():
    v, e, weights = (torch.randn(4, 3, requires_grad=True) for _ in range(3))
    out = straight_through(v, e)
    torch.testing.assert_close(out, e)
    (weights.detach() * out.exp()).sum().backward()
    torch.testing.assert_close(v.grad, weights.detach() * e.detach().exp())
    assert e.grad is None


def test_the_gradient_of_the_encoder_is_that_of_the_decoder_at_the_codes():
    model, x = small(), images()
    vectors = model.vectors(x)
    quantized = model.codebook.vectors[model.codebook.nearest(vectors)].flatten(1).requires_grad_()
    reconstruction_error(model.draw(quantized), x).backward()
    weight = model.encoder[0].weight
    expected, = torch.autograd.grad(vectors.flatten(1), weight, quantized.grad)
    reconstructed, _, _ = model(x)
    torch.testing.assert_close(torch.autograd.grad(reconstruction_error(reconstructed, x), weight)[0], expected)


def test_the_loss_is_reconstruction_plus_commitment():
    model, x = small(weight=0.3), images()
    reconstructed, mu, logvar = model(x)
    away = mu - model.codebook.vectors[model.codes(x).flatten(1)].flatten(1)
    torch.testing.assert_close(model.loss(reconstructed, x, mu, logvar), reconstruction_error(reconstructed, x) + 0.3 * away.square().sum())
    free = mu.detach().requires_grad_()
    model.loss(reconstructed.detach(), x, free, logvar).backward()
    torch.testing.assert_close(free.grad, 0.6 * away.detach())
    assert not any(buffer.requires_grad for buffer in model.codebook.buffers())


def test_what_is_decoded_is_quantized_and_keeps_the_leading_dimensions():
    model = small()
    mu = latent_means(model, images())
    torch.testing.assert_close(model.decode(mu.view(3, 4, -1)).view(12, 1, 8, 4), model(images())[0])
    torch.testing.assert_close(model.decode(mu[0]), model.decode(mu)[0])
    torch.testing.assert_close(reconstruct(model, images()), model.decode(mu).detach())
    torch.testing.assert_close(interpolate(model, images()[0], images()[1], 3)[[0, 2]], reconstruct(model, images()[:2]))
    assert (model.decode(mu) - model.draw(mu)).abs().max() > 1e-4


def log_joint(model, x, codes):
    """log p(x, z) of images `(B, 1, 8, 4)` and codes `(B, 4, 2)`, written out."""
    p = model.draw(model.codebook.vectors[codes.flatten(1)].flatten(1)).flatten(1)
    return -F.binary_cross_entropy(p, x.flatten(1), reduction="none").sum(1) + model.prior.log_prob(codes)


@pytest.mark.parametrize("learned", [False, True])
def test_the_bound_of_a_point_and_importance_sampling_that_adds_nothing(learned):
    model, x = small(), images().gt(0.5).float()
    if learned:
        model.prior = random_prior()
    model.requires_grad_(False)
    bound = elbo(model, x)
    torch.testing.assert_close(bound.elbo, log_joint(model, x, model.codes(x)).double(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(bound.rate, -model.prior.log_prob(model.codes(x)).double(), rtol=1e-5, atol=1e-5)
    estimate = nll(model, x, k=7)
    torch.testing.assert_close(estimate.nll, -bound.elbo, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(estimate.effective, torch.full((12,), 7.0, dtype=torch.float64))
    if not learned:
        torch.testing.assert_close(bound.rate, torch.full((12,), 8 * math.log(5), dtype=torch.float64))


def test_the_bound_is_below_the_likelihood():
    torch.manual_seed(0)
    model = VQVAE((1, 4, 4), (4,), 3, 2)
    x = torch.rand(9, 1, 4, 4).round()
    model(x)
    model.eval().requires_grad_(False)
    every = torch.tensor([*product(range(3), repeat=4)]).view(-1, 2, 2)
    whole = torch.stack([log_joint(model, each.expand(81, 1, 4, 4), every) for each in x]).logsumexp(1)
    assert (elbo(model, x).elbo < whole).all()


def test_what_is_about_gaussians_refuses():
    model = small()
    with pytest.raises(ValueError, match="prior of its own"):
        kl_per_dimension(model, images())
    with pytest.raises(ValueError, match="a plane needs 2"):
        manifold(model)
    assert active_units(model, images()).shape == (24,)


def test_samples_come_from_the_prior():
    model = small()
    z = model.sample_latents(6, torch.Generator().manual_seed(4))
    torch.testing.assert_close(sample_prior(model, 6, torch.Generator().manual_seed(4)), model.decode(z).detach())
    codes = model.codebook.nearest(z.view(6, 8, 3)).view(6, 4, 2)
    assert torch.equal(codes, model.prior.sample(6, torch.Generator().manual_seed(4)))


@pytest.mark.parametrize("prior,error,words", [
    (torch.nn.Linear(2, 2), TypeError, r"Linear.*CodePrior\(5, \(4, 2\)\)"), (Mixture(3, 24), TypeError, "Mixture"),
    (CodePrior(6, (4, 2)), ValueError, "of 6 codes"), (CodePrior(5, (2, 4)), ValueError, r"grid \(2, 4\)")])
def test_a_prior_of_something_else_is_refused(prior, error, words):
    model = small()
    model.prior = prior
    with pytest.raises(error, match=words):
        elbo(model, images())
    with pytest.raises(error, match=words):
        sample_prior(model, 2)


def test_each_place_depends_on_those_before_it_alone():
    prior, grid = random_prior(), torch.randint(5, (1, 4, 2))
    for i, j in product(range(4), range(2)):
        other = grid.clone()
        other[0, i, j] = (other[0, i, j] + 1) % 5
        moved = (prior.logits(other) - prior.logits(grid)).abs().sum(1).flatten()
        assert moved[:2 * i + j + 1].max() < 1e-5 and ((i, j) == (3, 1) or moved[2 * i + j + 1] > 1e-2)


def test_probabilities_add_up_and_samples_follow_them():
    prior = random_prior(3, (2, 2))
    every = torch.tensor([*product(range(3), repeat=4)]).view(-1, 2, 2)
    p = prior.log_prob(every).exp().detach()
    torch.testing.assert_close(p.sum(), torch.tensor(1.0))
    drawn = prior.sample(20000, torch.Generator().manual_seed(0)).flatten(1) @ torch.tensor([27, 9, 3, 1])
    shares = drawn.bincount(minlength=81) / 20000
    assert ((shares - p).abs() < 6 * (p * (1 - p) / 20000).sqrt() + 1e-4).all()
    torch.testing.assert_close(prior.log_prob(every.view(9, 9, 2, 2)), prior.log_prob(every).view(9, 9))


def test_an_untrained_prior_is_uniform():
    codes = torch.randint(5, (2, 3, 4, 2))
    torch.testing.assert_close(CodePrior(5, (4, 2)).log_prob(codes), UniformCodes(5, (4, 2)).log_prob(codes))


@pytest.mark.slow
def test_a_trained_prior_reaches_the_entropy_and_repeats():
    codes = torch.randint(3, (4000, 2, 3), generator=torch.Generator().manual_seed(0))
    codes[:, 1] = codes[:, 0]
    state, rates = torch.get_rng_state(), []
    for _ in range(2):
        torch.manual_seed(5)
        prior = CodePrior(3, (2, 3), 16, 1)
        state = torch.get_rng_state()
        losses = fit_codes(prior, codes, steps=150, lr=2e-2)
        assert torch.equal(torch.get_rng_state(), state)
        rates.append(losses)
    assert torch.equal(*rates) and abs(losses[0] - 6 * math.log(3)) < 1e-4
    assert losses[-20:].mean() < 3 * math.log(3) + 0.1


def test_a_prior_that_diverges_is_stopped():
    prior = CodePrior(3, (2, 3), 4, 1)
    with torch.no_grad():
        prior.last.weight.fill_(1e38), prior.place.fill_(1e38)
    with pytest.raises(FloatingPointError, match="step 1 of 5"):
        fit_codes(prior, torch.zeros(8, 2, 3, dtype=torch.int64), steps=5)


@pytest.mark.parametrize("shares", [[1], [3, 1], [1, 1, 2, 4]])
def test_perplexity_is_exp_of_the_entropy(shares):
    codes = torch.cat([torch.full((share,), i) for i, share in enumerate(shares)])
    total = sum(shares)
    assert perplexity(codes, 5) == pytest.approx(math.exp(-sum(s / total * math.log(s / total) for s in shares)))


@pytest.mark.slow
def test_a_row_of_the_table_goes_on_and_is_recorded(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    train = torch.randint(256, (120, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    test = train[:9].gt(127).float()
    results = [run(4, passes, 0, 20, tmp_path, train, test, torch.device("cpu")) for passes in (1, 2)]
    for result in (*results, results[0]):
        assert result["cost"] == pytest.approx(result["distortion"] + result["rate"], abs=0.02)
        assert result["uniform"] == pytest.approx(49 * math.log(4), abs=0.01)
        record(result, tmp_path)
    text = (tmp_path / "VQ.md").read_text(encoding="utf-8")
    assert text.count("\n| 4 |") == 2 and str(results[1]["bits"]) in text


def test_frequencies_by_place_are_counted():
    train = torch.tensor([[[0, 1]], [[0, 0]], [[1, 1]]])
    assert by_place(train, torch.tensor([[[0, 0]]]), 2) == pytest.approx(-math.log(3 / 5) - math.log(2 / 5))


def test_the_chapter_shows_what_was_measured():
    shown = {}
    for cell in read(NBS / "11_vq.ipynb").cells:
        for name, text in re.findall(r"^(sizes|weights) = (\{.+\})$", cell.source, re.M):
            shown[name] = ast.literal_eval(text)
    rows = {row["codes"]: row for row in known(ROOT / "bench/vq.json") if row["passes"] == 10 and row["steps"] == 2000}
    family = {row["row"]: row for row in known(ROOT / "bench/variants.json") if row["passes"] == 20}
    assert shown == {
        "sizes": {codes: (round(row["rate"], 1), round(row["distortion"], 1)) for codes, row in rows.items()},
        "weights": {weight: (round(family[name]["rate"], 1), round(family[name]["distortion"], 1))
                    for weight, name in ((2.0, "VAE, weight 2"), (1.0, "VAE"), (0.5, "VAE, weight 0.5"))}}
    for lang in ("zh", "en"):
        text = "\n".join(cell.source for cell in read(NBS / "11_vq.ipynb").cells if cell.metadata.get("lang") == lang)
        assert all(f"{row['cost']:.1f}" in text for row in rows.values())
