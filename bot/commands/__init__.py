"""Slash commands and buttons, a file each, named as the command; `register` lists them all."""
