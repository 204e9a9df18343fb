"""L'horloge | The clock"""


def state():
    """What the widget shows."""
    return {"hour": 12, "hours": bytes([8, 16])}
