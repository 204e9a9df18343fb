"""Proof of chapter 07, the bug museum: put a known mistake into the course's own code, and a named lesson cell must fail.
Mutants with nothing in `seen` are no exhibits: they prove that a chapter's own assertions bite, or repeat an exhibit elsewhere.

`python -m tests.mutants` tries them all, `python -m tests.mutants NAME ...` those of these labels or notebooks, and prints a
table: the mutant, what became of it, its notebook, and the cell that failed. The exit status is 1 if one was not caught.

A function is defined, exported and tested in one notebook, whose cells run in a process of their own. Of them only those run
that a named cell needs, by the names that it uses. At the cell that defines a function to be mutated the process forks: the
child runs the changed cell and what its named cell needs, up to the first cell that fails; the parent goes on unchanged, so
that all children share one run of what comes before. Each result is a line of JSON: the mutant's id, and the cell that
failed, its error, and whether that is a verdict at all."""
import ast
import importlib
import json
import os
import re
import signal
import subprocess
import symtable
import sys
import tempfile
import types
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from tools.outputs import NBS, SKIPPED, read

Mutant = namedtuple("Mutant", "id notebook function changes cell seen")
NO_VERDICT = (NameError, SyntaxError, ImportError)  # these say that the mutant is broken, not that it was caught
LIMIT = 150  # seconds that a child may take
DATA, MODEL, LOSS, TRAIN, SAMPLE, EVALUATE, CONV, LABELS, PRIOR, VQ, LADDER, FILES, SPEED, SCALE = NOTEBOOKS = [
    "00_data", "01_model", "02_loss", "03_train", "04_sample", "06_evaluate", "08_conv", "09_labels", "10_prior", "11_vq", "12_ladder",
    "13_files", "15_speed", "16_scale"]
TORCH, EXAMPLES = "https://github.com/pytorch/pytorch", "https://github.com/pytorch/examples"
MINIAI = "https://github.com/fastai/course22p2/blob/df9323235bc395b5c2f58a3d08b83761947b9b93/nbs/29_vae.ipynb"
KERAS = "https://github.com/keras-team/keras-io/blob/cca4efba8e0b8514ae3817931696294039b3bfc9/examples/generative/vae.py"
JAX = "https://github.com/jax-ml/jax/blob/1d12ba28ff2a4516635853b1a175b4d8a9125885/examples/mnist_vae.py"
DISENTANGLING = "https://github.com/YannDubs/disentangling-vae/blob/f0452191bab6d94eba0b4e6a065f74dcfd54ac52/disvae"
TUTORIAL = ("https://github.com/Jackson-Kang/Pytorch-VAE-tutorial/blob/ae227c560ee09a92c9e57088d093022882327b46/"
            "01_Variational_AutoEncoder.ipynb")
KL = "torch.testing.assert_close(kl_divergence(mu, logvar), expected)"
AVERAGE = "average = train_epoch(model, train_images[:300], still)"
GRADIENTS, SAME = "errors = relative_errors()", "torch.testing.assert_close(torch.tensor(fast_losses)"
REPLAYED = "assert graph_losses == fast_losses"
SEEN = "assert max(before) - min(before) < 0.15"
TOGETHER = "(history, first), (other, second) = together(2, trained)"
REASONS = "assert reasons[:2] == [None, None]"
PIECES = "counts, largest = torch.zeros(7), 0"
LAYERS, BINS, CENTER = "kernels = sum(p.numel()", "edges = torch.cat(", "black = (train_images == 0)"
PIXELS = "tiny = LogisticVAE("
SUMMED = "torch.testing.assert_close(semi.loss(reconstructed, mixed"
WRITTEN = "torch.testing.assert_close(tiny.log_likelihood(z, joined), expected)"
COMPLETED = "torch.testing.assert_close(corner.log_likelihood(z.unsqueeze(1)"
SCHEDULED, CHARGED, FIELD = "assert seen[7:] == [1.0] * 9", "charged = [max(0.3", "assert abs(drawn.mean() - 2) < 0.05"
STAMPED, FOLLOWED, THROUGH = "assert torch.equal(stamps.nearest(v)", "N, S, v = book.counts.clone()", \
    "torch.testing.assert_close(v.grad, weights"
POINT, MASKED, RESTARTED = "tiny = VQVAE((1, 8, 8)", "for i, j in product(range(4)", '"codes in use stay where they are"'
RATIO, ADDED = "def ratio(model, x, u, q1, q2)", "found = layer_rates(tiny, x, 900)"
MERGED, NOISE = "rungs = small(LadderVAE)", "tiny = small(TwoLayerVAE)"
IWAE = "torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)"

MUTANTS = [
    # vector quantization
    Mutant("no-cross-term", VQ, "Codebook", {"self.vectors.square().sum(1) - 2 * vectors.to(self.vectors) @ self.vectors.T":
           "(self.vectors.square().sum(1) + vectors.to(self.vectors).square().sum(-1, keepdim=True))"}, STAMPED, ""),
    Mutant("largest-product", VQ, "Codebook", {"self.vectors.square().sum(1) - 2 * vectors": "-2 * vectors"}, STAMPED, ""),
    Mutant("decay-backwards", VQ, "Codebook", {"used.sum(0), 1 - self.decay)": "used.sum(0), self.decay)"}, FOLLOWED, ""),
    Mutant("sums-not-averaged", VQ, "Codebook", {"self.sums / smoothed.unsqueeze(1)": "self.sums"}, FOLLOWED, ""),
    Mutant("no-laplace", VQ, "Codebook", {"(self.counts + 1e-5) / (self.counts.sum() + 1e-5 * count) * self.counts.sum()": "self.counts"},
           FOLLOWED, ""),
    Mutant("always-restarted", VQ, "Codebook", {"fresh | (self.counts < self.restart * fair)": "self.counts >= 0"}, RESTARTED, ""),
    Mutant("never-restarted", VQ, "Codebook", {"fresh | (self.counts < self.restart * fair)": "fresh.expand_as(self.counts)"},
           RESTARTED, ""),
    Mutant("perplexity-of-bits", VQ, "perplexity", {".sum().exp()": ".sum().div(math.log(2)).exp()"},
           "assert abs(perplexity(torch.tensor", ""),
    Mutant("straight-through-backwards", VQ, "straight_through", {"vectors + (quantized - vectors).detach()":
           "quantized + (vectors - quantized).detach()"}, THROUGH, ""),
    Mutant("not-straight-through", VQ, "straight_through", {"vectors + (quantized - vectors).detach()": "quantized"}, THROUGH, ""),
    Mutant("stop-gradient-swapped", VQ, "VQVAE", {"away, error = vectors -": "away, error = vectors.detach() -"}, POINT,
           "https://github.com/MishaLaskin/vqvae/pull/20"),
    Mutant("commitment-averaged", VQ, "VQVAE", {"away.square().sum()": "away.square().mean()"}, POINT, ""),
    Mutant("not-quantized", VQ, "VQVAE",
           {"self.draw(self.codebook.vectors[self.codebook.nearest(self.cells(z))].flatten(-2))": "self.draw(z)"}, POINT, ""),
    Mutant("rate-in-bits", VQ, "UniformCodes", {"math.log(self.count)": "math.log2(self.count)"}, POINT, ""),
    Mutant("rate-of-one-place", VQ, "UniformCodes", {"-math.prod(self.grid) * math.log": "-math.log"}, POINT, ""),
    Mutant("own-code-seen", VQ, "CodePrior", {"own=False": "own=True"}, MASKED, ""),
    Mutant("mask-upside-down", VQ, "Masked", {"place < middle + own": "place > middle - own"}, MASKED, ""),
    Mutant("places-averaged", VQ, "CodePrior", {".sum((1, 2))": ".mean((1, 2))"}, MASKED, ""),
    Mutant("last-place-drawn-first", VQ, "CodePrior", {"product(*map(range, self.grid))": "reversed([*product(*map(range, self.grid))])"},
           MASKED, ""),
    # labels
    Mutant("labels-unused", LABELS, "SemiVAE", {
           "told[labeled].sum() + summed_out(self, pixels[~labeled], log_q[~labeled])":
           "(told - bound)[labeled].sum() + summed_out(self, pixels, log_q)"}, SUMMED,
           "https://github.com/scverse/scvi-tools/issues/841"),
    Mutant("no-class-prior", LABELS, "each_class", {" - math.log(model.classes)": ""}, SUMMED, ""),
    Mutant("no-prior-told", LABELS, "SemiVAE", {"kl_divergence(mu, logvar) - math.log(self.classes)": "kl_divergence(mu, logvar)"},
           SUMMED, "https://github.com/dpkingma/nips14-ssl/issues/6"),
    Mutant("no-entropy", LABELS, "summed_out", {"(each_class(model, pixels) - log_q)": "each_class(model, pixels)"}, SUMMED, ""),
    Mutant("entropy-sign", LABELS, "summed_out", {"pixels) - log_q)": "pixels) + log_q)"}, SUMMED, ""),
    Mutant("classes-averaged", LABELS, "summed_out", {"log_q.exp() *": "1 / model.classes *"}, SUMMED, ""),
    Mutant("alpha-forgotten", LABELS, "SemiVAE", {"self.alpha * (log_q * y)": "(log_q * y)"}, SUMMED, ""),
    Mutant("alpha-everywhere", LABELS, "SemiVAE", {"(log_q * y).sum(1)": "(log_q * y).sum() / len(y)"}, SUMMED, ""),
    Mutant("prior-unlike-label", LABELS, "ClassVAE", {"pixels) - math.log(self.classes)": "pixels)"}, WRITTEN, ""),
    Mutant("given-counted", LABELS, "QuadrantVAE", {"logits = self.logits(z.to(pixels), pixels)[..., self.missing]":
           "logits = self.logits(z.to(pixels), pixels)[..., ~self.missing]"}, COMPLETED,
           "https://github.com/Sllambias/asparagus/pull/12"),
    Mutant("answer-seen", LABELS, "Quadrants", {".masked_fill(self.missing, 0)": ""}, COMPLETED, ""),
    # files
    Mutant("no-hash", FILES, "verified", {"return data if hashlib.sha256(data).hexdigest() == sha256 else None": "return data"},
           "answers = [verified(trial, sha256)", "https://github.com/deeplearning4j/deeplearning4j/issues/3670"),
    Mutant("reason-swallowed", FILES, "from_mirrors", {'"\\n".join(tried)': '"no mirror delivers it"'},
           "message = refusal(from_mirrors", ""),
    Mutant("half-written", FILES, "write_whole",
           {'part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")': "part = path",
            "finally: part.unlink(missing_ok=True)": "finally: pass"},
           'write_whole(path, b"old")', "https://github.com/Lightning-AI/pytorch-lightning/issues/688"),
    Mutant("link-replaced", FILES, "write_whole", {"Path(os.path.realpath(path_of(path)))": "path_of(path)"},
           'write_whole(link, b"newest")', ""),
    Mutant("mode-lost", FILES, "write_whole", {"part.chmod(mode)": "pass"}, 'write_whole(link, b"newest")', ""),
    Mutant("pickle", FILES, "read_weights", {
        'data[8:9] != b"{":\n': 'data[8:9] != b"{":\n            return torch.load(path, weights_only=False), {}\n'},
           'torch.save(state, folder/"weights.pt")', f"{TORCH}/pull/87443"),
    Mutant("nan-weights", FILES, "fill", {"new.isnan().any() or name in parameters and not new.isfinite().all()": "False"},
           'broken["fc1.bias"]', ""),
    Mutant("clipped-16-bits", FILES, "gray_levels", {"np.rint((values - low) * (255 / max(high - low, 1e-300)))": "values.clip(0, 255)"},
           "assert kept.tolist() == list(range(256))", ""),
    Mutant("truncated-levels", FILES, "gray_levels", {"np.rint((": "np.floor((1 - 1e-9) * ("},
           "assert kept.tolist() == list(range(256))", ""),
    Mutant("ink-vanishes", FILES, "opaque", {"ground = 255 if": "ground = 0 if"}, "inks = {level: opaque(", ""),
    Mutant("squashed", FILES, "fitted", {"height, width = (max(1, round(side * scale)) for side in (picture.height, picture.width))":
                                        "height, width = size"}, "right, _, _ = folder_images(album)", ""),
    Mutant("black-padding", FILES, "fitted", {"fill = edges.flatten(1).median(1).values if": "fill = edges.new_zeros(len(pixels)) if"},
           "padded_sheet = fitted(", ""),
    Mutant("lying-down", FILES, "read_picture", {"ImageOps.exif_transpose(picture, in_place=True)": "pass"},
           "right, _, _ = folder_images(album)", ""),
    Mutant("height-for-width", FILES, "folder_images",
           {'(whole(size[0], "height"), whole(size[1], "width"))': '(whole(size[1], "height"), whole(size[0], "width"))'},
           "in_color, _, _ = folder_images(", ""),
    Mutant("weights-only", FILES, "State", {"in self.optimizer.state.get(parameter, {}).items()}": "in ()}"},
           "wrapped = torch.compile(nn.DataParallel", "https://github.com/NVlabs/stylegan2-ada-pytorch/issues/108"),
    Mutant("moments-ignored", FILES, "State", {"self.optimizer.state[self.parameters[owner]][key] = tensors[name]": "pass"},
           "other_state = State(other_run.state.model", ""),
    Mutant("wrong-parameters", FILES, "State",
           {"self.parameters[owner]]": "[*self.parameters.values()][-1 - [*self.parameters].index(owner)]]"},
           "other_state = State(other_run.state.model", f"{TORCH}/issues/1489"),
    Mutant("images-counted", FILES, "fingerprint", {"return digest.hexdigest()[:16]": "return str(len(images))"},
           "prints = [fingerprint(each)", ""),
    Mutant("unlocked", FILES, "Checkpoint", {"try: self.lock.acquire()": "try: pass"}, "run = small_run()\nwith Checkpoint(", ""),
    # data
    Mutant("no-255", DATA, "as_float", {"images.float() / 255": "images.float()"},
           "torch.testing.assert_close(as_float(images[:100]), pictures", f"{TORCH}/issues/36647"),
    Mutant("standardized", DATA, "as_float", {"images.float() / 255": "(images.float() / 255 - 0.1307) / 0.3081"},
           "torch.testing.assert_close(as_float(images[:100]), pictures",
           f"{EXAMPLES}/blob/77f55b912142e11fcfdf5b530231fb9c52f181e8/mnist/main.py#L118"),
    Mutant("transposed", DATA, "to_images", {"(len(pixels), *shape)": "(len(pixels), *shape).transpose(2, 3)"},
           "assert torch.equal(to_images(rows), images)", "https://github.com/pytorch/vision/issues/8783"),
    Mutant("train-on-test", DATA, "mnist", {"    return images.unsqueeze(1), labels.long()": """\
    if train:
        images = torch.cat([images, parse_idx(fetch(root, "t10k-images-idx3-ubyte", dataset))])
        labels = torch.cat([labels, parse_idx(fetch(root, "t10k-labels-idx1-ubyte", dataset))])
    return images.unsqueeze(1), labels.long()"""},
           "assert counts.sum() == 60_000", KERAS),
    Mutant("guessed-square", DATA, "to_images", {"return pixels.reshape(len(pixels), *shape)": "return pixels.reshape(len(pixels), 1, "
                                                 "math.isqrt(pixels.shape[1]), -1)"}, "image_shape=(3, 28, 28))[0]", ""),
    # model
    Mutant("variance-as-std", MODEL, "VAE", {"std = torch.exp(logvar / 2)": "std = torch.exp(logvar)"},
           "torch.testing.assert_close(reconstructed, out)", "https://github.com/keras-team/keras/pull/9972"),
    Mutant("rand-for-randn", MODEL, "VAE", {"torch.randn_like(std)": "torch.rand_like(std)"},
           "torch.testing.assert_close(reconstructed, out)", "https://github.com/toshikwa/slac.pytorch/issues/5"),
    Mutant("no-gradient", MODEL, "VAE", {"mu + std * torch.randn_like(std)": "torch.normal(mu, std)"},
           "model.reparameterize(many_mu, many_logvar)", "https://github.com/pyro-ppl/pyro/issues/1852"),
    Mutant("mean-in-eval", MODEL, "VAE", {"torch.randn_like(std)": "torch.randn_like(std) * self.training"},
           "model.eval()\nfirst, second = model(images)", f"{EXAMPLES}/pull/419"),
    Mutant("relu-heads", MODEL, "EncoderDecoder",
           {"self.fc2_mean(h)": "F.relu(self.fc2_mean(h))", "self.fc2_logvar(h)": "F.relu(self.fc2_logvar(h))"},
           "torch.testing.assert_close(networks.encode(images), (mu, logvar))", "https://github.com/shekkizh/TensorflowProjects/pull/1"),
    Mutant("clamped", MODEL, "EncoderDecoder", {"self.fc2_logvar(h)": "self.fc2_logvar(h).clamp(-30, 20)"},
           "lowest, highest = far_off.encode(images)", "https://github.com/vanderschaarlab/synthcity/issues/331"),
    Mutant("double-sigmoid", MODEL, "EncoderDecoder",
           {"torch.sigmoid(wide(logits))": "torch.sigmoid(torch.sigmoid(wide(logits)))"},
           "torch.testing.assert_close(networks.decode(z), out)", "https://github.com/NVIDIA-Merlin/models/pull/1175"),
    Mutant("softplus", MODEL, "EncoderDecoder", {"torch.sigmoid(wide(": "F.softplus(wide("},
           "torch.testing.assert_close(networks.decode(z), out)", JAX),
    Mutant("batch-norm", MODEL, "EncoderDecoder", {
        "self.fc2_mean = nn.Linear(self.hidden_dim, self.latent_dim)":
        "self.fc2_mean = nn.Sequential(nn.Linear(hidden_dim, latent_dim), nn.BatchNorm1d(latent_dim))"},
           "torch.testing.assert_close(reconstructed, out)", MINIAI),
    Mutant("loose-pixels", MODEL, "check_pixels", {"high <= 1)": "high <= 1.05)"}, "torch.tensor([[0.0, 1.01]])", ""),
    Mutant("square-root", MODEL, "shape_for", {"(1, 28, 28) if image_size == 784 else None":
                                               "(1, math.isqrt(image_size), math.isqrt(image_size))"},
           "assert shape_for(784, None) ==", ""),
    Mutant("low-sigmoid", MODEL, "EncoderDecoder", {"wide(logits)": "logits"}, "kept, rounded =", ""),
    Mutant("another-likelihood", MODEL, "own_log_likelihood", {"type(model).decode is OWN_DECODE": "True"}, "class Dimmed(VAE)", ""),
    Mutant("modes-lost", MODEL, "evaluating", {"for module, mode in modes: module.training = mode": "model.train()"},
           "spare.fc4.eval()", ""),
    # loss
    Mutant("kl-sign", LOSS, "kl_divergence", {"- 1 - logvar": "- 1 + logvar"}, KL, "https://github.com/FluxML/model-zoo/pull/147"),
    Mutant("kl-half", LOSS, "kl_divergence",
           {"0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar)": "(logvar.exp() + mu.pow(2) - 0.5 - 0.5 * logvar)"},
           KL, "https://github.com/SupaeroDataScience/deep-learning/pull/6"),
    Mutant("log-sigma", LOSS, "kl_divergence", {"- 1 - logvar": "- 1 - 2 * logvar"}, KL, "https://github.com/DaehanKim/vgae_pytorch/issues/2"),
    Mutant("kl-mean", LOSS, "kl_divergence", {".sum(1)": ".mean(1)"}, KL, MINIAI),
    Mutant("kl-constant", LOSS, "kl_divergence", {"0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(1)":
                                                  "0.5 * (logvar.exp() + mu.pow(2) - logvar).sum(1) - 0.5"},
           KL, "https://github.com/ericjang/draw/pull/6"),
    Mutant("kl-no-dim", LOSS, "kl_divergence", {".sum(1)": ".sum().expand(len(mu))"}, KL, "https://github.com/EDAPINENUT/GNTPP/issues/4"),
    Mutant("bce-mean", LOSS, "reconstruction_error", {'reduction="sum"': 'reduction="mean"'},
           "torch.testing.assert_close(as_images, by_hand)", "https://github.com/AppliedDataSciencePartners/WorldModels/issues/12"),
    Mutant("bce-swapped", LOSS, "reconstruction_error", {"F.binary_cross_entropy(probabilities, pixels,":
                                                         "F.binary_cross_entropy(pixels, probabilities,"},
           "torch.testing.assert_close(as_images, by_hand)", "https://github.com/autonomousvision/sledge/issues/4"),
    Mutant("channels-mixed", LOSS, "pixel_rows", {"or both[0] == both[1]": "or True"}, "for needle, message in zip(needles, messages)", ""),
    Mutant("nan-passes", LOSS, "check_finite", {"not result.detach().isnan().any()": "True"},
           "for needle, message in zip(needles, messages)", ""),
    Mutant("mse", LOSS, "reconstruction_error", {"F.binary_cross_entropy(": "F.mse_loss("},
           "torch.testing.assert_close(as_images, by_hand)", f"{DISENTANGLING}/models/losses.py#L431-L433"),
    Mutant("kl-per-pixel", LOSS, "loss_function", {"logvar).sum()": "logvar).sum() / original.numel()"},
           "logvar), usual, rtol=1e-5, atol=0)", f"{EXAMPLES}/issues/290"),
    Mutant("kl-minibatch", LOSS, "loss_function", {"logvar).sum()": "logvar).sum() * len(mu) / 60_000"},
           "logvar), usual, rtol=1e-5, atol=0)", "https://github.com/AntixK/PyTorch-VAE/issues/11"),
    Mutant("iwae-mean-of-logs", LOSS, "iwae_loss", {"(math.log(len(log_w)) - log_w.logsumexp(0)).sum()": "-log_w.mean(0).sum()"},
           IWAE, "https://github.com/arahuja/generative-tf/issues/1"),
    Mutant("iwae-no-log-k", LOSS, "iwae_loss", {"math.log(len(log_w)) - log_w": "-log_w"},
           IWAE, "https://github.com/YosefLab/scVI-dev/issues/8"),
    Mutant("iwae-worst", LOSS, "iwae_loss",
           {"(math.log(len(log_w)) - log_w.logsumexp(0)).sum()": "((-log_w).softmax(0) * -log_w).sum()"},
           IWAE, "https://github.com/AntixK/PyTorch-VAE/blob/a6896b944c918dd7030e7d795a8c13e5c6345ec7/models/iwae.py#L152-L158"),
    Mutant("iwae-weighted", LOSS, "iwae_loss",
           {"(math.log(len(log_w)) - log_w.logsumexp(0)).sum()": "-(log_w.softmax(0).detach() * log_w).sum()"},
           IWAE, "https://github.com/clementchadebec/benchmark_VAE/blob/6419e21558f2a6abc2da99944bddda846ded30f4/"
                 "src/pythae/models/iwae/iwae_model.py#L116-L123"),
    # training
    Mutant("no-zero-grad", TRAIN, "train_epoch", {"        optimizer.zero_grad()\n": ""},
           "assert all(equal) and all(moved) and theirs.training", f"{TORCH}/issues/47175"),
    Mutant("mean-of-means", TRAIN, "train_epoch",
           {"losses[step] = value.detach()": "losses[step] = value.detach() / len(batch)",
            "losses.sum().item() / len(images)": "losses.mean().item()"},
           AVERAGE, "https://github.com/Lightning-AI/pytorch-lightning/issues/2924"),
    Mutant("off-by-one", TRAIN, "train_epoch",
           {"losses.sum().item() / len(images)": "losses.sum().item() / (max(len(losses) - 1, 1) * batch_size)"},
           AVERAGE, TUTORIAL),
    Mutant("graph-kept", TRAIN, "train_epoch", {"losses[step] = value.detach()": "losses[step] = value"},
           "asked, item = [], torch.Tensor.item", "https://github.com/horovod/horovod/pull/641"),
    Mutant("no-shuffle", TRAIN, "train_epoch", {", shuffle=True)": ")"}, AVERAGE, "https://github.com/Deci-AI/super-gradients/issues/416"),
    Mutant("drop-last", TRAIN, "batches", {"order.split(int(batch_size))": "order[:count // batch_size * batch_size].split(batch_size)"},
           "shuffled, plain = [[", "https://github.com/thuml/Autoformer/issues/104"),
    Mutant("divergence-unnamed", TRAIN, "batch_loss", {"(*outputs, *model.parameters())": "()"}, "broken = copy.deepcopy(model)", ""),
    Mutant("return-in-loop", TRAIN, "evaluate_epoch", {"\n    return total": "\n        return total"},
           "assert repeats.mean() - mean_only > 5", f"{DISENTANGLING}/evaluate.py#L105-L117"),
    Mutant("mean-as-elbo", TRAIN, "evaluate_epoch",
           {"total += batch_loss(model, batch, loss)":
            "mu, logvar = model.encode(batch)\n        total += loss(model.decode(mu), batch.flatten(1), mu, logvar)"},
           "assert repeats.mean() - mean_only > 5", ""),
    Mutant("test-trains", TRAIN, "Run",
           {"self.loop.evaluate_epoch(self.test_images)": "self.loop.train_epoch(self.test_images)"},
           "mine_alone = train_images[:256]", "https://github.com/princeton-vl/pose-ae-train/issues/11"),
    Mutant("both-sets", TRAIN, "Run",
           {"self.loop.train_epoch(images,": "self.loop.train_epoch(torch.cat([images, self.test_images]),"},
           "mine_alone = train_images[:256]", ""),
    Mutant("same-seed", TRAIN, "Run", {"1_000_000*self.seed + epoch": "1_000_000*self.seed"},
           "assert runs[0] == runs[1]", f"{TORCH}/issues/5059"),
    Mutant("restored-to-itself", TRAIN, "Run", {"copy.deepcopy(self.state.tensors())": "dict(self.state.tensors())"},
           "run = small_run()\nrun.epoch(1)", ""),
    Mutant("test-loss-ignored", TRAIN, "PlainLoop", {"images, self.batch_size, loss=self.loss)": "images, self.batch_size)"},
           "def thousandfold", ""),
    Mutant("pictures-first", TRAIN, "fit",
           {"                    if file: file.write(history)\n": "",
            "                    if folder: save_pictures(model, test, folder, len(history))\n":
            "                    if folder: save_pictures(model, test, folder, len(history))\n"
            "                    if file: file.write(history)\n"},
           "(place/\"drawn\"/\"sample_1.png\").mkdir", ""),
    Mutant("leaked-state", TRAIN, "own_context", {", torch.enable_grad(), random_state_kept())": ", torch.enable_grad())"},
           "found = torch.rand(4)", ""),
    Mutant("autocast-on", TRAIN, "own_context", {"torch.autocast(kind, enabled=False)": "ExitStack()"}, "plain, _ = small_fit(2)", ""),
    # sampling
    Mutant("embed-samples", SAMPLE, "latent_means",
           {"posterior(model, images, batch_size)[0]": "model.reparameterize(*posterior(model, images, batch_size))"},
           "by_threes = latent_means", "https://github.com/clementchadebec/benchmark_VAE/issues/126"),
    Mutant("uniform-prior", SAMPLE, "sample_prior", {"torch.randn(": "torch.rand("},
           "drawn = sample_prior(model, 5", "https://github.com/zhuangdizhu/FedGen/issues/10"),
    Mutant("generator-ignored", SAMPLE, "sample_prior", {"generator=generator, ": ""},
           "drawn = sample_prior(model, 5", "https://github.com/huggingface/diffusers/issues/175"),
    Mutant("linear-grid", SAMPLE, "manifold",
           {'torch.special.ndtri((torch.arange(int(side), device="cpu") + 0.5) / side)': "torch.linspace(-1, 1, side)"},
           "cells = manifold(plane, side)", "https://github.com/keras-team/keras/pull/4423"),
    Mutant("sampled-in-training", SAMPLE, "decoded", {"with evaluating(model) as device:": "for device in [model.fc3.weight.device]:"},
           "drawn_so = [sample_prior(colored, 5)", ""),
    Mutant("rows-as-columns", SAMPLE, "decoded_piece", {"pixels.reshape(images)": "pixels.reshape(images).flip(3)"},
           "again = reconstruct(model, images[:10])", ""),
    # evaluation
    Mutant("thresholded", EVALUATE, "binarize", {"noise.to(pixels.device) < pixels": "0.5 < pixels"},
           "assert binary.unique().tolist() == [0, 1]", ""),
    Mutant("single-precision", EVALUATE, "widest",
           {'Place(device, torch.float64), Place(torch.device("cpu"), torch.float64)': "Place(device, torch.float32),"},
           "large = torch.tensor([1e30])", ""),
    Mutant("any-memory", EVALUATE, "looked_through", {"not 0 < memory < math.inf": "False"}, "large = torch.tensor([1e30])", ""),
    Mutant("samples-rounded-up", EVALUATE, "portions", {"min(samples_at_once, samples - done)": "samples_at_once"}, PIECES, ""),
    Mutant("memory-ignored", EVALUATE, "draws", {"int(memory * 2**20": "int(1024 * 2**20"}, PIECES, ""),
    Mutant("distortion-at-the-mean", EVALUATE, "draws", {"std[part].unsqueeze(1), eps)": "std[part].unsqueeze(1), 0 * eps)"},
           "bound = elbo(model, binary[:1], samples=1000", ""),
    Mutant("no-log-k", EVALUATE, "nll", {"math.log(k) - sums.top": "-sums.top"}, "found = nll(model, binary[:1], k=1000", ""),
    Mutant("log-likelihood-for-nll", EVALUATE, "nll",
           {"math.log(k) - sums.top - sums.first.log()": "sums.top + sums.first.log() - math.log(k)"},
           "found = nll(model, binary[:1], k=1000", ""),
    # convolutions
    Mutant("any-even-side", CONV, "smallest_map", {"side % step == 0": "side % 2 == 0"}, LAYERS, ""),
    Mutant("kernel-3", CONV, "ConvVAE", {"nn.ConvTranspose2d(after, before, 4, 2, 1)": "nn.ConvTranspose2d(after, before, 3, 2, 1, 1)"},
           LAYERS, ""),
    Mutant("mean-decoded", CONV, "ConvVAE", {"mu + torch.exp(logvar / 2) * torch.randn_like(mu)": "mu"}, LAYERS, ""),
    Mutant("variance-drawn", CONV, "ConvVAE", {"torch.exp(logvar / 2) * torch.randn_like": "torch.exp(logvar) * torch.randn_like"},
           LAYERS, ""),
    Mutant("tails-swapped", CONV, "logistic_bins", {"x < half, below,": "x < half, above,", "x > 1 - half, above,": "x > 1 - half, below,"},
           BINS, ""),
    Mutant("tails-cut-off", CONV, "logistic_bins", {"torch.where(x < half, below, torch.where(x > 1 - half, above, inside))": "inside"},
           BINS, ""),
    Mutant("256-levels", CONV, "logistic_bins", {"0.5 / 255": "0.5 / 256"}, BINS, ""),
    Mutant("center-at-the-mean", CONV, "center_of", {
        "mean + scale * (torch.log(-torch.expm1(-mean / scale)) - torch.log(-torch.expm1((mean - 1) / scale)))": "mean"}, CENTER, ""),
    Mutant("averaged-over-pixels", CONV, "LogisticVAE", {"self.log_density(mean, pixels).sum()": "self.log_density(mean, pixels).mean()"},
           PIXELS, ""),
    Mutant("frozen-scale", CONV, "LogisticVAE", {"wide(self.log_scale).exp()": "wide(self.log_scale).exp().detach()"}, PIXELS, ""),
    Mutant("likelihood-averaged", CONV, "LogisticVAE", {"pixels).sum(2)": "pixels).mean(2)"}, PIXELS, ""),
    # speed: mistakes that writing the step by hand invites, seen nowhere else
    Mutant("kl-gradient-sign", SPEED, "latent_backward", {"torch.add(dz, b.mu": "torch.sub(dz, b.mu"}, GRADIENTS, ""),
    Mutant("no-relu-switch", SPEED, "decoder_backward", {"    b.d3.mul_(torch.sign(b.h3, out=b.on))\n": ""}, GRADIENTS, ""),
    Mutant("bias-averaged", SPEED, "encoder_backward", {"torch.sum(b.d1, 0": "torch.mean(b.d1, 0"}, GRADIENTS, ""),
    Mutant("heads-swapped", SPEED, "buffers", {"(b.mu, b.logvar), (b.dmu": "(b.logvar, b.mu), (b.dmu"},
           "torch.testing.assert_close(torch.sigmoid(b.logits), probabilities", ""),
    Mutant("stale-heads", SPEED, "Step", {"        merge(self.w, model)\n": ""}, SAME, ""),
    Mutant("hand-no-255", SPEED, "fill", {".div_(255)": ""}, SEEN, ""),
    Mutant("noise-left-out", SPEED, "fill", {"b.eps.normal_()": "b.eps.zero_()"}, SEEN, ""),
    Mutant("low-weights", SPEED, "merge", {"convert(w.W1_, w.W1)\n": "convert(w.W1_, w.W1), convert(w.W1, w.W1_)\n"},
           "exact = (low_model.fc1", ""),
    Mutant("step-count-lost", SPEED, "average", {'["step"].copy_(step.count)': '["step"]'}, "assert steps == [47] * 20", ""),
    Mutant("stale-settings", SPEED, "relied_on", {'optimizer.param_groups[0] | {"params": None}': "None"},
           "torch.testing.assert_close(fast_way, plain_way", ""),
    Mutant("warm-up-kept", SPEED, "record", {"tensor.copy_(old)": "pass"}, REPLAYED, ""),
    Mutant("warm-up-draws", SPEED, "record", {'[step.device] if step.device.type == "cuda" else []': "enabled=False"}, REPLAYED, ""),
    Mutant("short-batch-lost", SPEED, "replayed", {"if len(rest)": "if not len(rest)"}, REPLAYED, ""),
    Mutant("unswept-moments", SPEED, "FastLoop", {"            if i % 100 == 0: sweep(step)\n": ""}, "shares_below[0] == 0", ""),
    Mutant("swept-too-far", SPEED, "flush", {"torch.finfo(torch.float32).tiny /": "1e-12 /"}, "assert kept == [False", ""),
    Mutant("any-size", SPEED, "model_obstacle", {" != shapes": " == []"}, REASONS, ""),
    Mutant("unwatched", SPEED, "obstacle", {"found is not value and bare(found) != value": "False"}, REASONS, ""),
    Mutant("unseen-hook", SPEED, "hooks_of", {"isinstance(value, dict) and value": "False"}, REASONS, ""),
    Mutant("unseen-state", SPEED, "obstacle", {"if holds()": "if False"}, REASONS, ""),
    Mutant("foreign-parameters", SPEED, "adam_obstacle", {
        'len(group["params"]) != len(parameters) or set(group["params"]) != set(parameters)': "False"}, "assert chosen[1] in", ""),
    Mutant("no-trial", SPEED, "agree", {"(_train.PlainLoop, FastLoop)": "(FastLoop, FastLoop)"}, "assert agree() and unlisted", ""),
    # scale
    Mutant("averaged-over-processes", SCALE, "GradientSum",
           {"dist.all_reduce(self.flat)\n": "dist.all_reduce(self.flat)\n        self.flat /= self.team.size\n"},
           TOGETHER, f"{TORCH}/issues/37359"),
    Mutant("one-seed-for-all", SCALE, "SharedNoise", {"if axis is None or rows == whole:": "if axis is None or rows <= whole:"},
           "kinds = {\"dropout\"", "https://github.com/mlcommons/training/pull/844"),
    Mutant("never-reshuffled", SCALE, "ProcessLoop",
           {"order = torch.randperm(len(images), device=images.device)": "order = torch.arange(len(images), device=images.device)"},
           TOGETHER, f"{TORCH}/issues/31771"),
    Mutant("idle-share-counted", SCALE, "ProcessLoop", {"self.sums.put(value if share.counts else None)": "self.sums.put(value)"},
           TOGETHER, ""),
    Mutant("stale-start", SCALE, "state_of_first", {"    spread(team, state)\n": ""},
           "resumed = together(2", ""),
    Mutant("headers-between-shards", SCALE, "join_images", {"opened.seek(start)": "opened.seek(0)"}, "join_images(shards, whole)", ""),
    Mutant("shapes-not-compared", SCALE, "join_images", {"if shape != shapes[0]": "if False"}, "join_images(shards, whole)", ""),
    # prior
    Mutant("endless-warm-up", PRIOR, "warm_up", {"min(1.0, done / passes)": "done / (done + passes)"}, SCHEDULED,
           "https://github.com/scverse/scvi-tools/issues/1569"),
    Mutant("warm-up-past-1", PRIOR, "warm_up", {"min(1.0, done / passes)": "done / passes"}, SCHEDULED,
           "https://github.com/umautobots/bidirection-trajectory-predicter/issues/4"),
    Mutant("cycle-stuck", PRIOR, "cyclical", {"/ period)\n": "/ period) * (math.ceil(done) % period != 1)\n"}, SCHEDULED,
           "https://github.com/valdersoul/bn-vae/issues/1"),
    Mutant("passes-forgotten", PRIOR, "Scheduled", {'settings["passes"] = done + 1': "pass"}, SCHEDULED, ""),
    Mutant("free-bits-per-batch", PRIOR, "free_bits", {"- 1 - logvar).mean(0)": "- 1 - logvar).sum(0)", "len(mu) * spent": "spent"},
           CHARGED, ""),
    Mutant("free-bits-per-image", PRIOR, "free_bits", {"spent.clamp(min=least).sum()": "spent.sum().clamp(min=least)"}, CHARGED, ""),
    Mutant("free-bits-on-top", PRIOR, "free_bits", {"spent.clamp(min=least)": "(spent - least).clamp(min=0)"}, CHARGED,
           "https://github.com/danijar/dreamer/issues/45"),
    Mutant("free-bits-rescaled", PRIOR, "free_bits", {"- 1 - logvar).mean(0)": "- 1 - logvar).mean(0) / mu.shape[1]"}, CHARGED,
           "https://github.com/CAREamics/careamics/pull/277"),
    Mutant("variance-divides-all", PRIOR, "log_gaussians",
           {"mean.square() * precision + logvar +": "(mean.square() + logvar) * precision +"},
           "prior = Mixture(4, 3)", "https://github.com/clementchadebec/benchmark_VAE/pull/27"),
    Mutant("weights-added", PRIOR, "Mixture", {"logvar) + log_weight).logsumexp(-1)": "logvar).exp() + log_weight.exp()).sum(-1).log()"},
           "prior = Mixture(4, 3)", "https://github.com/JavierAntoran/Bayesian-Neural-Networks/issues/15"),
    Mutant("no-log-weights", PRIOR, "Mixture", {"logvar) + log_weight)": "logvar))"}, "prior = Mixture(4, 3)", ""),
    Mutant("unnormalized-weights", PRIOR, "Mixture", {"self.score.log_softmax(0)": "self.score"}, "prior = Mixture(4, 3)", ""),
    Mutant("vamp-not-averaged", PRIOR, "Vamp", {"-math.log(len(mean))": "0.0"}, "vamp = Vamp(tiny", ""),
    Mutant("kl-twice", PRIOR, "PriorVAE", {"whole - kl_divergence(mu, logvar).sum() +": "whole +"}, "same, x = PriorVAE(tiny", ""),
    Mutant("flow-sign", PRIOR, "Velocity", {"(z - noise)).square()": "(noise - z)).square()"}, FIELD, ""),
    Mutant("flow-backwards", PRIOR, "Velocity", {"(1 - t) * noise + t * z": "t * noise + (1 - t) * z"}, FIELD,
           "https://github.com/lucidrains/rectified-flow-pytorch/issues/14"),
    Mutant("divergence-sign", PRIOR, "Flow", {"total + size / 2": "total - size / 2"}, FIELD,
           "https://github.com/VincentStimper/normalizing-flows/issues/27"),
    # the ladder
    Mutant("variance-of-the-step", LADDER, "Hierarchy", {"mean + torch.exp(logvar / 2) * u1": "mean + torch.exp(logvar) * u1"}, NOISE, ""),
    Mutant("lower-against-normal", LADDER, "TwoLayerVAE", {"(z1 - mean) * torch.exp(-logvar / 2)": "z1", "logvar1 - logvar": "logvar1"},
           RATIO, ""),
    Mutant("jacobian-missing", LADDER, "TwoLayerVAE", {"logvar1 - logvar": "logvar1"}, RATIO, ""),
    Mutant("upper-drawn-twice", LADDER, "TwoLayerVAE", {
        "self.conditional(z2)": "self.conditional(mean2 + torch.exp(logvar2 / 2) * torch.randn_like(eps2))"}, RATIO,
           "https://github.com/RuiShu/one-bit-vae/issues/1"),
    Mutant("closed-form-below", LADDER, "TwoLayerVAE", {"[mean2, u1]": "[mean2, (mean1 - mean) * torch.exp(-logvar / 2)]",
        "whole - weight * logvar[:, self.layer_dims[0]:].exp().sum() / 2": "whole"}, RATIO, ""),
    Mutant("variance-twice", LADDER, "TwoLayerVAE", {
        "whole - weight * logvar[:, self.layer_dims[0]:].exp().sum() / 2": "whole"}, RATIO, ""),
    Mutant("lower-averaged", LADDER, "TwoLayerVAE", {".exp().sum() / 2": ".exp().mean() / 2"}, RATIO, ""),
    Mutant("density-without-spread", LADDER, "Inferred", {"eps.square() + logvar + math": "eps.square() + math"}, RATIO, ""),
    Mutant("layers-swapped", LADDER, "layer_rates", {"split(inner.layer_dims, 1)": "split(inner.layer_dims[::-1], 1)"}, ADDED, ""),
    Mutant("rates-doubled", LADDER, "layer_rates", {".sum(1) / 2": ".sum(1)"}, ADDED, ""),
    Mutant("variances-for-precisions", LADDER, "LadderVAE", {"trust = logvar - seen_logvar": "trust = seen_logvar - logvar"}, MERGED, ""),
    Mutant("spread-not-merged", LADDER, "LadderVAE", {"F.logsigmoid(-trust)": "-trust"}, MERGED, ""),
    Mutant("rate-before-merging", LADDER, "LadderVAE", {
        "mean1], -1), torch": "(seen - mean) * torch.exp(-logvar / 2)], -1), torch", "logvar1], -1)": "seen_logvar - logvar], -1)"}, MERGED,
           "https://github.com/AntixK/PyTorch-VAE/issues/25"),
    Mutant("merged-by-halves", LADDER, "LadderVAE", {"torch.sigmoid(trust)": "0.5"}, MERGED, ""),
    Mutant("merged-scale-missing", LADDER, "LadderVAE", {"(seen - mean) * torch.exp(-logvar / 2)": "(seen - mean)"}, MERGED, ""),
]


def sources(notebook):
    """The code of a notebook, cell by cell: what a fresh kernel would run, less what only Jupyter understands."""
    code = [cell.source for cell in read(NBS / f"{notebook}.ipynb").cells if cell.cell_type == "code"]
    return [re.sub(r"^%.*", "", source, flags=re.M) for source in code if not SKIPPED.search(source) and "\n    %pip" not in source]


def the_one(found, what):
    """The only element; an error that says what is wrong with an entry if there are more or none."""
    if len(found) != 1:
        raise LookupError(f"{what}: {len(found)} cells, needed is 1; bring the entry in tests/mutants.py up to date")
    return found[0]


def place(mutant, code):
    """Where the function is defined and where the mutant should be caught, as indices of cells, and the changed definition."""
    defines = [i for i, source in enumerate(code) if source.startswith("#| export")
               and re.search(rf"^(def|class) {mutant.function}[(:]", source, re.M)]
    home = the_one(defines, f"{mutant.id}: {mutant.function} exported in {mutant.notebook}")
    changed = code[home]
    for old, new in mutant.changes.items():
        if changed.count(old) != 1:
            raise LookupError(f"{mutant.id}: {old!r} stands {changed.count(old)} times in {mutant.function}, needed is once; "
                              "the code has moved on, so bring the entry in tests/mutants.py up to date")
        changed = changed.replace(old, new)
    catcher = the_one([i for i, source in enumerate(code) if mutant.cell in source], f"{mutant.id}: {mutant.cell!r} in {mutant.notebook}")
    return home, catcher, changed


def names_of(source):
    """The names that a cell binds, those whose objects it may change, those it takes from others, and those its functions read."""
    source = re.sub(r"^(\s*)[%!].*", r"\1pass", source, flags=re.M)
    table, tree = symtable.symtable(source, "cell", "exec"), ast.parse(source)
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()}
    read, later, tables = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}, set(), table.get_children()
    while tables:
        inner = tables.pop()
        later |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global()}
        tables += inner.get_children()
    set_there = [node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load)]
    calls = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    roots = {root(node) for node in (*set_there, *calls, *(argument for call in calls for argument in call.args))}
    return bound, roots & (read | later), read - own_names(tree), later


def own_names(tree):
    """The names that code binds at its margin before any of it reads them: it takes these from nowhere."""
    own, seen = set(), set()
    for statement in tree.body:
        nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        seen |= {node.id for node in nodes if isinstance(node.ctx, ast.Load)}
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            own |= {node.id for node in nodes if isinstance(node.ctx, ast.Store)} - seen
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            own |= {(name.asname or name.name).split(".")[0] for name in statement.names} - seen
        elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            own |= {statement.name} - seen
    return own


def root(node):
    """The name that `name.attribute[index](...)` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def needed(code, last):
    """The indices of the cells that cell `last` needs, itself included: those that bind, or may change, a name that is read later."""
    modules = {name for source in code for name in re.findall(r"^(?:import|from .* import) (\w+)", source, re.M)}
    names, called, before = [names_of(source) for source in code[:last + 1]], set(), None
    while called != before:  # a function may call one that is defined after it
        wanted, indices, before = set(called), [], called
        for i in range(last, -1, -1):
            bound, touched, read, later = names[i]
            if i == last or (bound | touched - modules) & wanted:
                indices.append(i)
                wanted, called = wanted - bound | read | later, called | later
    return indices[::-1]


def first_failure(cells, space, name):
    """The first cell that fails, and its error."""
    for source in cells:
        try:
            exec(compile(source, name, "exec"), space)
        except Exception as error:
            return source, error
    return None, None


def in_a_child(changed, rest, space, name):
    """What happens to a mutant: run in a forked process, whose exit leaves nothing behind but its answer."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        signal.alarm(LIMIT)
        try:
            exec(compile(changed, name, "exec"), space)
            source, error = first_failure(rest, space, name)
            answer = {"cell": source, "error": f"{type(error).__name__}: {error}"[:300] if source else "nothing fails",
                      "verdict": not isinstance(error, NO_VERDICT)}
        except Exception as error:
            answer = {"cell": None, "error": f"the mutant does not run: {error!r}", "verdict": False}
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"cell": None, "error": f"no answer in {LIMIT} s", "verdict": False}


def files(folder):
    """The content of all files in a folder, by path."""
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def restore(folder, before):
    """Undo what a child wrote into a folder."""
    after = files(folder)
    for path in after.keys() - before.keys():
        path.unlink()
    for path, content in before.items():
        if after.get(path) != content:
            path.write_bytes(content)


def run(notebook, ids=()):
    """Yield (mutant, answer) for a notebook's mutants, all or those of the ids, and (None, why) if it fails unchanged."""
    code = sources(notebook)
    mutants = [(mutant, *place(mutant, code)) for mutant in MUTANTS if mutant.notebook == notebook and (not ids or mutant.id in ids)]
    needs = {catcher: needed(code, catcher) for _, _, catcher, _ in mutants}
    module = types.ModuleType(f"cells_of_{notebook}")
    sys.modules[module.__name__] = module
    space = module.__dict__
    with tempfile.TemporaryDirectory() as folder, patch.object(tempfile, "tempdir", folder):
        for i in sorted(set().union(*needs.values(), (home for _, home, _, _ in mutants))):
            for mutant, home, catcher, changed in mutants:
                if home == i:
                    before = files(folder)
                    yield mutant, in_a_child(changed, [code[j] for j in needs[catcher] if j > i], space, notebook)
                    restore(folder, before)
            failed, error = first_failure([code[i]], space, notebook)
            if failed:
                yield None, {"cell": failed, "error": f"{type(error).__name__}: {error}"}
                return


def prove(notebook, ids=()):
    """The answers for a notebook's mutants, by id, from a process of its own."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "MPLBACKEND": "agg", "TQDM_DISABLE": "1", "PYTHONHASHSEED": "0",
                        "PYTHONPATH": str(NBS.parent)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.mutants", "--cells", notebook, *ids]
    done = subprocess.run(command, cwd=NBS, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{notebook}: {done.stderr[-2000:]}")
    return dict(json.loads(line) for line in done.stdout.splitlines())


def prove_all(mutants):
    """The answers for these mutants, by id, and the failures of unchanged notebooks, by name; two notebooks at a time."""
    ids = {notebook: [mutant.id for mutant in mutants if mutant.notebook == notebook] for notebook in NOTEBOOKS}
    ids = {notebook: names for notebook, names in ids.items() if names}
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(ids, pool.map(prove, ids, ids.values()), strict=True))
    return {name or notebook: answer for notebook, answers in found.items() for name, answer in answers.items()}


def complaint(mutant, answer):
    """What is wrong with a mutant that its cell should catch; None if nothing is."""
    if not answer:
        return f"{mutant.notebook} fails as it is, before it comes to {mutant.id}"
    if not answer["cell"]:
        return f"{mutant.id} survives the cell with {mutant.cell!r}: {answer['error']}"
    if mutant.cell not in answer["cell"]:
        return f"{mutant.id} is caught before, by\n{answer['cell']}\n{answer['error']}\nName that cell"
    return None if answer["verdict"] else f"{mutant.id} is a broken mutant: {answer['error']}"


def table(mutants):
    """Print what became of these mutants; returns whether all were caught by the cells that they name."""
    proven, good = prove_all(mutants), True
    for mutant in mutants:
        wrong = complaint(mutant, proven.get(mutant.id))
        good = good and not wrong
        print(f"{mutant.id:18} {'SURVIVES' if wrong else 'caught':9} {mutant.notebook:10} {wrong or mutant.cell.splitlines()[0]}")
    return good


def chosen(names):
    """The mutants with these labels, or of these notebooks; all if there are no names."""
    if unknown := set(names) - {mutant.id for mutant in MUTANTS} - set(NOTEBOOKS):
        raise SystemExit(f"no mutant and no notebook is called {', '.join(sorted(unknown))}; "
                         f"there are {', '.join(NOTEBOOKS)} and {', '.join(mutant.id for mutant in MUTANTS)}")
    return [mutant for mutant in MUTANTS if not names or {mutant.id, mutant.notebook} & set(names)]


def cells(notebook, *ids):
    """Run a notebook's cells in this process, and print a line of JSON for each mutant."""
    answers, sys.stdout = sys.stdout, sys.stderr
    os.chdir(NBS)  # the notebooks find the data from there
    importlib.import_module("tqdm").tqdm.monitor_interval = 0  # its thread would not survive a fork
    importlib.import_module("torch").set_num_threads(1)
    for mutant, answer in run(notebook, ids):
        print(json.dumps([mutant and mutant.id, answer]), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--cells"]:
        cells(*sys.argv[2:])
    else:
        sys.exit(not table(chosen(sys.argv[1:])))
