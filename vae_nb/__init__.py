"""The variational autoencoder, built by a course of notebooks. Every name below is loaded when it is first used, so that
`import vae_nb` costs nothing; each module holds more."""
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .data import mnist, pick_device, show_images
    from .evaluate import active_units, binarize, elbo
    from .explore import LatentExplorer, TrainingPlayground
    from .files import folder_images
    from .loss import loss_function
    from .model import VAE, VAELike
    from .sample import interpolate, reconstruct, sample_prior
    from .scale import fit, nll

_HOMES = {
    "VAE": "model", "VAELike": "model", "mnist": "data", "folder_images": "files", "show_images": "data", "pick_device": "data",
    "loss_function": "loss", "fit": "scale", "elbo": "evaluate", "nll": "scale", "binarize": "evaluate",
    "active_units": "evaluate", "reconstruct": "sample", "sample_prior": "sample", "interpolate": "sample",
    "LatentExplorer": "explore", "TrainingPlayground": "explore"}

__all__ = [
    "LatentExplorer", "TrainingPlayground", "VAE", "VAELike", "active_units", "binarize", "elbo", "fit", "folder_images", "interpolate",
    "loss_function", "mnist", "nll", "pick_device", "reconstruct", "sample_prior", "show_images"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}, and modules such as vae_nb.train")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
