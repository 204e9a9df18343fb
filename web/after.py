"""What Quarto runs after it has rendered: see hooks.py."""
from hooks import main

main("after")
