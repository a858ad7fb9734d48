"""Labelling pages in the browser: ``clutter annotate``.

A person corrects the model's guesses, the model learns from each page that is read, and the next
pages need fewer corrections. The rooms: files.py is a page and its labelled file, project.py all
pages of a folder and what a person does to them, advice.py what to read next and what has been
gained, tuner.py the model that learns meanwhile, server.py the address that the browser talks to,
exchange.py the formats of other tools. What runs in the browser is in static/.
"""
