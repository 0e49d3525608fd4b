"""Words for people: a piece as a message, errors as sentences, translations."""
