"""Ways to train the same VAE, one class each. `python -m bench.contenders NAME` is a worker that trains on command.

The worker prepares, says so in one line of JSON on standard output, and then answers each line of standard input with
one more: `epoch` trains once on all images, `test` tests, `run N` trains and tests N times, `cycle N` does so by the one-cycle
schedule. Everything else that a way prints goes to standard error. A worker imports only what its own way needs, for its start is
timed too.

Every way trains 784-400-(20, 20)-400-784 with ReLU on grey pixels, in batches of 128 with a short last one, with Adam at
1e-3 on the sum of binary cross-entropy and KL; weights and biases start as PyTorch's `Linear` draws them. With `cycle` the
rate goes up to RATE over the first fifth of the epochs, then down to 2% of it, step by step, in every way alike."""
import argparse
import contextlib
import gc
import importlib
import io
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).parent.parent / "nbs/data"
RATE = 1.2e-2  # the best on the validation split, bench/SCHEDULE.md
BATCH, LAYERS = 128, [(784, 400), (400, 40), (20, 400), (400, 784)]


class Unfit(Exception):
    """This way cannot be tried on this machine; the message says why."""


class Contender:
    """One way to train: `epoch()` and `test()` return the mean loss per image."""
    modules = ("torch",)

    def __init__(self, count):
        self.steps = -(-(count or 60_000) // BATCH)

    def follow(self, epochs):
        """From now on take the rates of one cycle over so many epochs: PyTorch's own schedule, a step after each step."""
        from torch.optim.lr_scheduler import OneCycleLR
        warm = epochs * self.steps / 5
        scheduler = OneCycleLR(self.optimizer, RATE, total_steps=epochs * self.steps, pct_start=0.2, anneal_strategy="linear",
                               cycle_momentum=False, div_factor=warm, final_div_factor=50 / warm)
        self.optimizer.register_step_post_hook(lambda *_: scheduler.step())

    def run(self, epochs, cycle=False):
        """Train and test in turn: the moment at which each test ended, and its loss. `cycle`: by the one-cycle schedule."""
        if cycle:
            self.follow(epochs)
        ends, losses = [], []
        for _ in range(epochs):
            self.epoch()
            losses.append(self.test())
            ends.append(time.monotonic())
        return ends, losses

    def wait(self):
        """Return when the device has done all that was asked of it."""
        import torch
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def device(self):
        """What it computes on: `cpu`, or the name of the GPU."""
        import torch
        return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


class Seed(Contender):
    """the usual tutorial loop: DataLoader, ToTensor on every image, loss.item() at every step"""
    modules = ("torch", "torchvision")

    def __init__(self, count):
        super().__init__(count)
        import torch

        from vae_nb.data import pick_device
        self.place = pick_device()
        self.train_loader, self.test_loader = self.loader(True, count), self.loader(False, count)
        self.model = tutorial_model().to(self.place)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def loader(self, train, count):
        """Images one by one from torchvision's dataset, put together by PyTorch's DataLoader."""
        from torch.utils.data import DataLoader
        from torchvision import datasets, transforms
        dataset = datasets.MNIST(DATA, train=train, transform=transforms.ToTensor())
        dataset.data, dataset.targets = dataset.data[:count], dataset.targets[:count]
        return DataLoader(dataset, batch_size=BATCH, shuffle=True)

    def loss(self, images):
        """The loss summed over a batch."""
        import torch
        import torch.nn.functional as F
        pixels = images.to(self.place).view(-1, 784)
        reconstructed, mu, logvar = self.model(pixels)
        kl = 0.5 * torch.sum(logvar.exp() + mu.pow(2) - 1 - logvar)
        return F.binary_cross_entropy(reconstructed, pixels, reduction="sum") + kl

    def epoch(self):
        self.model.train()
        total = 0.0
        for images, _ in self.train_loader:
            loss = self.loss(images)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / len(self.train_loader.dataset)

    def test(self):
        import torch
        self.model.eval()
        with torch.no_grad():
            return sum(self.loss(images).item() for images, _ in self.test_loader) / len(self.test_loader.dataset)


def tutorial_model():
    """The network as tutorials write it: two heads, probabilities, no checks."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(784, 400)
            self.fc2_mean, self.fc2_logvar = nn.Linear(400, 20), nn.Linear(400, 20)
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x):
            h = F.relu(self.fc1(x))
            mu, logvar = self.fc2_mean(h), self.fc2_logvar(h)
            std = torch.exp(0.5 * logvar)
            z = mu + std * torch.randn_like(std)
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    return Model()


class Plain(Contender):
    """the plain loop of chapter 03, images in memory"""
    modules = ("torch", "vae_nb.train")

    def __init__(self, count):
        super().__init__(count)
        import torch

        from vae_nb.data import mnist, pick_device
        from vae_nb.model import VAE
        place = pick_device()
        self.model = VAE().to(place)
        self.train_images, self.test_images = (mnist(DATA, train)[0][:count].to(place) for train in (True, False))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def epoch(self):
        from vae_nb.train import train_epoch
        return train_epoch(self.model, self.train_images, self.optimizer, BATCH)

    def test(self):
        from vae_nb.train import evaluate_epoch
        return evaluate_epoch(self.model, self.test_images, BATCH)


class Float32(Plain):
    """what `fit` does with precision="float32", that is with bf16 and TF32 products forbidden"""
    modules = ("torch", "vae_nb.train", "vae_nb.speed")
    options = {"low": False}

    def __init__(self, count):
        super().__init__(count)
        import torch

        from vae_nb.speed import fastest_loop
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.loop = fastest_loop(self.model, self.optimizer, batch_size=BATCH, **self.options)
        self.rates = iter(())

    def follow(self, epochs):
        """From now on take the rates that `fit` takes with its schedule."""
        from vae_nb.train import Cycle
        self.optimizer.param_groups[0]["lr"] = RATE
        cycle = Cycle(self.optimizer, epochs, BATCH)
        self.rates = iter([cycle.rates(epoch, len(self.train_images)) for epoch in range(1, epochs + 1)])

    def epoch(self):
        with next(self.rates, contextlib.nullcontext()):
            return self.loop.train_epoch(self.train_images)

    def test(self):
        return self.loop.evaluate_epoch(self.test_images)


class Ours(Float32):
    """what `fit` does by default, with bf16 or TF32 products where there are instructions for them; from process start `fit` itself"""
    options = {}

    def run(self, epochs, cycle=False):
        from vae_nb.speed import fit
        options = {"lr": RATE, "schedule": "one-cycle"} if cycle else {}
        with contextlib.redirect_stdout(Stamps()) as stamps:
            history = fit(self.model, self.train_images, self.test_images, epochs, **options)
        if len(stamps.ends) != epochs:
            raise RuntimeError(f"fit told of {len(stamps.ends)} epochs out of {epochs}; its lines are expected to begin with 'epoch'")
        return stamps.ends, [record["test_loss"] for record in history]


class Stamps(io.TextIOBase):
    """Takes what `fit` prints, and keeps the moment at which it told of each epoch."""
    def __init__(self):
        self.ends = []

    def write(self, text):
        if text.startswith("epoch"):
            self.ends.append(time.monotonic())
        return len(text)


class Jax(Contender):
    """JAX: uint8 images on the device, a whole epoch in one jitted scan, buffers donated"""
    modules = ("jax", "numpy")

    def __init__(self, count):
        super().__init__(count)
        import jax
        self.train_images, self.test_images = (jax.device_put(idx_images(name)[:count]) for name in ("train", "t10k"))
        self.key = jax.random.key(0)
        parameters = jax_parameters(self.next_key())
        moments = [jax.tree.map(jax.numpy.zeros_like, parameters) for _ in range(2)]
        self.state = (parameters, *moments, jax.numpy.float32(0))
        self.rates = iter(())
        self.train, self.evaluate = jax.jit(jax_epoch, donate_argnums=0), jax.jit(jax_test)

    def next_key(self):
        """A key not used before."""
        import jax
        self.key, key = jax.random.split(self.key)
        return key

    def follow(self, epochs):
        """From now on take the rates of one cycle over so many epochs."""
        self.rates = iter(cycle_rates(epochs, self.steps))

    def epoch(self):
        import numpy
        rates = next(self.rates, [1e-3] * self.steps)
        self.state, loss = self.train(self.state, self.train_images, numpy.float32(rates), self.next_key())
        return float(loss)

    def test(self):
        return float(self.evaluate(self.state[0], self.test_images, self.next_key()))

    def wait(self):
        import jax
        jax.block_until_ready(self.state)

    def device(self):
        import jax
        return "cpu" if jax.default_backend() == "cpu" else jax.devices()[0].device_kind


def cycle_rates(epochs, steps):
    """The learning rates of each epoch's steps: up to RATE over the first fifth, then down to 2% of it."""
    done = [(step + 1) / (epochs * steps) for step in range(epochs * steps)]
    rates = [RATE * min(5 * part, 1 - 0.98 * (part - 0.2) / 0.8) for part in done]
    return [rates[first:first + steps] for first in range(0, len(rates), steps)]


def idx_images(name):
    """The images of an MNIST file as rows of bytes, without PyTorch."""
    import numpy
    return numpy.frombuffer((DATA / f"MNIST/raw/{name}-images-idx3-ubyte").read_bytes(), numpy.uint8, offset=16).reshape(-1, 784)


def jax_parameters(key):
    """Weight and bias of each layer; mean and log-variance share one, which costs JAX fewer products."""
    from jax import random
    parameters = []
    for rows, columns in LAYERS:
        key, one, two = random.split(key, 3)
        bound = rows**-0.5
        parameters.append((random.uniform(one, (rows, columns), minval=-bound, maxval=bound),
                           random.uniform(two, (columns,), minval=-bound, maxval=bound)))
    return parameters


def jax_loss(parameters, images, key):
    """The loss summed over a batch of bytes, the cross-entropy from logits."""
    from jax import nn, random
    from jax import numpy as jnp
    one, heads, three, four = parameters
    def dense(x, layer): return x @ layer[0] + layer[1]
    x = images.astype(jnp.float32) / 255
    mu, logvar = jnp.split(dense(nn.relu(dense(x, one)), heads), 2, axis=1)
    z = mu + jnp.exp(logvar / 2) * random.normal(key, mu.shape)
    logits = dense(nn.relu(dense(z, three)), four)
    entropy = jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    return entropy.sum() + 0.5 * (jnp.exp(logvar) + mu**2 - 1 - logvar).sum()


def jax_step(state, images, rate, key):
    """One step of Adam."""
    import jax
    from jax import numpy as jnp
    parameters, first, second, count = state
    loss, gradients = jax.value_and_grad(jax_loss)(parameters, images, key)
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    rate, scale = rate / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
    parameters = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / scale + 1e-8), parameters, first, second)
    return (parameters, first, second, count), loss


def jax_epoch(state, images, rates, key):
    """Every image once, in random order, at the rate of each step: the full batches in a scan, then the short one."""
    from jax import lax, random
    key, one, two = random.split(key, 3)
    order = random.permutation(one, len(images))
    full = len(images) // BATCH * BATCH

    def step(carry, batch):
        (state, key), (index, rate) = carry, batch
        key, noise = random.split(key)
        state, loss = jax_step(state, images[index], rate, noise)
        return (state, key), loss

    (state, key), losses = lax.scan(step, (state, two), (order[:full].reshape(-1, BATCH), rates[:full // BATCH]))
    total = losses.sum()
    if full < len(images):
        (state, key), loss = step((state, key), (order[full:], rates[-1]))
        total = total + loss
    return state, total / len(images)


def jax_test(parameters, images, key):
    """The mean loss per image; all of them in one batch."""
    return jax_loss(parameters, images, key) / len(images)


class Pythae(Contender):
    """pythae's own trainer, with the same network, on the dataset it makes of tensors in memory"""
    modules = ("torch", "pythae.models", "pythae.trainers", "vae_nb.data")

    def __init__(self, count):
        super().__init__(count)
        from pythae.data.datasets import BaseDataset
        from pythae.models import VAE, VAEConfig
        from pythae.trainers import BaseTrainer, BaseTrainerConfig

        from vae_nb.data import as_float, mnist
        data = []
        for train in (True, False):
            images, labels = mnist(DATA, train)
            data.append(BaseDataset(as_float(images[:count]), labels[:count]))
        config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
        self.folder = tempfile.TemporaryDirectory()
        settings = BaseTrainerConfig(  # 125 divides 10,000: the trainer's test loss is a mean over batches, whatever their size
            output_dir=self.folder.name, learning_rate=1e-3, per_device_train_batch_size=BATCH, per_device_eval_batch_size=125)
        self.trainer = BaseTrainer(VAE(config, *pythae_networks()), *data, training_config=settings)
        self.trainer.prepare_training()
        self.optimizer, self.done = self.trainer.optimizer, 0

    def epoch(self):
        self.done += 1
        return self.trainer.train_step(self.done)

    def test(self):
        return self.trainer.eval_step(self.done)


def pythae_networks():
    """Encoder and decoder as pythae asks for them."""
    import torch
    import torch.nn.functional as F
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from torch import nn

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2_mean, self.fc2_logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)

        def forward(self, x):
            h = F.relu(self.fc1(x.flatten(1)))
            return ModelOutput(embedding=self.fc2_mean(h), log_covariance=self.fc2_logvar(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, z):
            return ModelOutput(reconstruction=torch.sigmoid(self.fc4(F.relu(self.fc3(z)))).view(-1, 1, 28, 28))

    return Encoder(), Decoder()


class Floor(Contender):
    """the 11 matrix products of a step alone, in float32, each in its best layout"""
    kind = "float32"
    steps = -(-60_000 // BATCH)

    def __init__(self, count):
        self.step = None

    def epoch(self):
        if self.step is None:
            self.prepare()
        for _ in range(self.steps):
            self.step()

    def prepare(self):
        """Choose a layout for each product; on a GPU keep the step as a graph, or its launches would be measured."""
        import torch
        torch.set_grad_enabled(False)
        forward = [(BATCH, rows, columns) for rows, columns in LAYERS]
        weights = [(rows, BATCH, columns) for rows, columns in LAYERS]
        inputs = [(BATCH, columns, rows) for rows, columns in LAYERS[1:]]
        self.chosen = [min(self.layouts(*sizes), key=self.seconds) for sizes in forward + weights + inputs]
        self.step = self.work
        if torch.cuda.is_available():
            self.work()  # what is set up at its first use cannot be captured
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.work()
            self.step = graph.replay

    def work(self):
        """The products of one step."""
        import torch
        for left, right, out in self.chosen:
            torch.mm(left, right, out=out)

    def layouts(self, rows, inner, columns):
        """Operands and result of one product, each stored by rows or by columns."""
        for choice in range(8):
            sizes = [(rows, inner), (inner, columns), (rows, columns)]
            yield [self.matrix(*size, by_columns=choice >> i & 1) for i, size in enumerate(sizes)]

    def matrix(self, rows, columns, by_columns):
        """A random matrix."""
        import torch

        from vae_nb.data import pick_device
        stored = torch.rand((columns, rows) if by_columns else (rows, columns), device=pick_device()).to(getattr(torch, self.kind))
        return stored.T if by_columns else stored

    def seconds(self, matrices):
        """The best time of 5 for one product, taken over 20 in a row."""
        import torch
        left, right, out = matrices
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(20):
                torch.mm(left, right, out=out)
            self.wait()
            best = min(best, time.perf_counter() - start)
        return best


class LowFloor(Floor):
    """the same products in bf16"""
    kind = "bfloat16"

    def __init__(self, count):
        super().__init__(count)
        import torch
        if not (torch.cuda.is_bf16_supported() if torch.cuda.is_available() else {"avx512_bf16", "amx_bf16"} & instructions()):
            raise Unfit("the processor has no bf16 products")


class WholeFloor(Floor):
    """the same products in float32, one pass of Adam over its seven arrays, and one pass for each elementwise step of the formulas"""

    def prepare(self):
        """Allocate what the passes read and write, as long as in a training step."""
        import torch

        from vae_nb.data import pick_device
        device, size = pick_device(), sum(rows * columns + rows for rows, columns in LAYERS)
        self.state = [[torch.rand(size, device=device)] for _ in range(4)]
        self.count = torch.ones((), device=device)
        self.bytes = torch.randint(0, 256, (BATCH, 784), dtype=torch.uint8, device=device)
        self.pixels, self.logits, self.loss = (torch.rand(BATCH, 784, device=device) for _ in range(3))
        self.hidden = [torch.rand(BATCH, 400, device=device) for _ in range(6)]
        self.latent = [torch.rand(BATCH, 20, device=device) for _ in range(5)]
        self.sums = [torch.empty(width, device=device) for width in (784, 400, 400, 40)]
        self.heads = torch.rand(BATCH, 40, device=device)
        super().prepare()

    def work(self):
        """The products, what stands between them, and Adam."""
        import torch
        super().work()
        (first, second, *gradients), (mu, logvar, noise, std, z) = self.hidden, self.latent
        torch.div(self.bytes, 255, out=self.pixels)
        for hidden in (first, second):
            hidden.relu_()
        torch.exp(logvar, out=std)
        noise.normal_()
        torch.addcmul(mu, std, noise, out=z)
        torch.sigmoid(self.logits, out=self.loss)
        torch.sub(self.loss, self.pixels, out=self.loss)
        for hidden, gradient, masked in zip((first, second), gradients[:2], gradients[2:], strict=True):
            torch.mul(gradient, hidden, out=masked)
        torch.sum(self.logits)
        for rows, out in zip((self.loss, *gradients[2:], self.heads), self.sums, strict=True):
            torch.sum(rows, 0, out=out)
        torch._fused_adam_(*self.state, [], [self.count], lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-8, amsgrad=False,
                           maximize=False)


CONTENDERS = {"seed": Seed, "pythae": Pythae, "plain": Plain, "jax": Jax, "ours (float32)": Float32, "ours": Ours,
              "floor": Floor, "floor (bf16)": LowFloor, "floor (with Adam and passes)": WholeFloor}


def instructions():
    """The processor's instruction sets, as Linux names them; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return set(next((line.split(":")[1].split() for line in lines if line.startswith("flags")), []))


def peak():
    """The most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def prepare(name, count):
    """The contender, ready to train, and the memory that its imports alone took."""
    kind = CONTENDERS[name]
    for module in kind.modules:
        importlib.import_module(module)
    imports = peak()
    if "torch" in kind.modules:
        import torch
        torch.manual_seed(0)
    return kind(count), imports


def answer(contender, imports, command):
    """Do what one line asks for."""
    word, *epochs = command.split()
    if word in ("run", "cycle"):
        ends, losses = contender.run(int(*epochs), word == "cycle")
        return {"ends": ends, "losses": losses, "memory": peak() - imports}
    if word == "test":
        return {"loss": contender.test()}
    if word != "epoch":
        raise ValueError(f"{command!r} is not a command; there are epoch, test, run N and cycle N")
    gc.collect()  # not within the time taken
    start = time.perf_counter()
    loss = contender.epoch()
    contender.wait()
    return {"seconds": time.perf_counter() - start, "loss": loss}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("--images", type=int, help="train and test on the first so many images only")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        contender, imports = prepare(arguments.name, arguments.images)
    except (Unfit, ModuleNotFoundError) as error:
        print(json.dumps({"skipped": str(error)}), file=answers, flush=True)
        sys.exit()
    print(json.dumps({"device": contender.device()}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(contender, imports, line.strip())), file=answers, flush=True)
