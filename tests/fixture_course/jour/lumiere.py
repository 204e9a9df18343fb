"""La lumière du jour | The light of the day"""
__all__ = ["mean_light"]

# %% ../nbs/00_jour.ipynb #code-mean
def mean_light(hours):
    """The mean of a list of hours.
    La moyenne d'une liste d'heures.

    Hours are numbers.

    Les heures sont des nombres."""
    return sum(hours) / len(hours)
