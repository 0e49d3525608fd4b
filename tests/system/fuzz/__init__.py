"""Whatever strangers send or type, and whatever may stand in a database: it is understood, or refused by one sentence.
`make test` tries a few hundred of each, always the same; `make fuzz` tries many more, and others each time."""
