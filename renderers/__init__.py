"""Pure: values in, text out.

``replay`` folds an incident's events into a History, sections say what it
shows, ``draft`` puts them in order, and a renderer turns the Document into
text. Same events, same bytes: nothing here sees the clock, the network, the
database or the locale.

``formats`` lists what a document can be written in. It is not gathered here: who asks for one module gets that
alone, and not the libraries of all formats.
"""
