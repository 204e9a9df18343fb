"""`vae_nb.conv` beyond what the contract asks: its loss, its scale, its layers."""
import pytest
import torch

from vae_nb.conv import ConvVAE, LogisticVAE
from vae_nb.loss import kl_divergence, loss_function
from vae_nb.model import pixel_log_likelihood


def encoded(model, count=5):
    """Images, a sample of z for each, and the Gaussians that it comes from."""
    torch.manual_seed(3)
    x = torch.rand(count, *model.image_shape)
    mu, logvar = model.encode(x)
    return x, mu + torch.exp(logvar / 2) * torch.randn_like(mu), mu, logvar


def likelihood(model, z, x):
    return model.log_likelihood(z, x) if hasattr(model, "log_likelihood") else pixel_log_likelihood(model, z, x)


@pytest.mark.parametrize("kind", [ConvVAE, LogisticVAE])
def test_the_loss_is_kl_less_log_likelihood(kind):
    torch.manual_seed(0)
    model = kind((3, 8, 12), (4, 6), 2)
    x, z, mu, logvar = encoded(model)
    loss = getattr(model, "loss", loss_function)(model.decode(z), x, mu, logvar)
    torch.testing.assert_close(loss, (kl_divergence(mu, logvar) - likelihood(model, z.unsqueeze(1), x).squeeze(1)).sum())


def test_the_scale_is_learned():
    model = LogisticVAE((1, 4, 4), (2,), 1)
    x, z, mu, logvar = encoded(model)
    model.loss(model.decode(z), x, mu, logvar).backward()
    assert model.log_scale.grad.abs() > 0


def test_the_number_of_layers_is_that_of_the_widths():
    model = ConvVAE((2, 24, 8), (3, 5, 7), 4)
    def channels(kind): return [tuple(layer.weight.shape[:2]) for layer in model.modules() if isinstance(layer, kind)]
    assert channels(torch.nn.Conv2d) == [(3, 2), (5, 3), (7, 5)] and channels(torch.nn.ConvTranspose2d) == [(7, 5), (5, 3), (3, 2)]
    assert model.encoder[-1].in_features == 7 * 3 * 1


def test_what_is_decoded_keeps_the_leading_dimensions_of_z():
    model = ConvVAE((2, 8, 4), (3,), 4)
    z = torch.randn(2, 3, 4)
    assert model.decode(z).shape == (2, 3, 2, 8, 4) and model.decode(z[0, 0]).shape == (2, 8, 4)
    torch.testing.assert_close(model.decode(z)[1, 2], model.decode(z[1, 2]))
