"""Train the model of the digit dial: `make weights`. A ClassVAE smaller than that of chapter 9, in float32 and on one thread, as the other
shipped weights are. Only the decoder is kept, as float16, and the KL of each dimension of the style, by which the page sorts its sliders.
An interrupted training goes on where it was when the command is given again."""
from pathlib import Path

import torch

from vae_nb.data import as_float, mnist
from vae_nb.files import save_weights
from vae_nb.labels import ClassVAE
from vae_nb.speed import fit

ROOT = Path(__file__).parent.parent
RUN = ROOT / "build/weights/dial.safetensors"


@torch.no_grad()
def mean_kl(model, pictures, labels):
    """The mean KL of each dimension of the style over the pictures, in nats."""
    mu, logvar = (each[:, :model.style_dim].double() for each in model.encode(as_float(model.join(pictures, labels))))
    return (0.5 * (logvar.exp() + mu**2 - 1 - logvar)).mean(0).float()


if __name__ == "__main__":
    torch.set_num_threads(1)
    train, test = (mnist(ROOT / "nbs/data", train) for train in (True, False))
    RUN.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = ClassVAE(hidden_dim=200)
    history = fit(model, model.join(*train), model.join(*test), epochs=10, lr=2e-3, seed=0, precision="float32", checkpoint=RUN)
    decoder = {name: tensor.half() for name, tensor in model.state_dict().items() if name.startswith("decoder.")}
    save_weights(ROOT / "vae_nb/dial.safetensors", {**decoder, "kl": mean_kl(model, *test)})
    RUN.unlink()
    print(f"vae_nb/dial.safetensors: test loss {history[-1]['test_loss']:.2f} nats per image")
