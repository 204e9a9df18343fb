"""What Quarto runs before it renders: see hooks.py."""
from hooks import main

main("before")
