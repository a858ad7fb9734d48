"""Training a model on labelled pages, and scoring it.

``train.train`` trains a new model, ``tune.tune`` adapts a model to a few pages of a new site,
``evaluate.evaluate`` scores a model. This package needs scikit-learn and joblib; cleaning does
not. Importing it raises MissingLibraryError without them.
"""

from clutter.errors import import_library

for _name in ("sklearn", "joblib", "scipy", "threadpoolctl"):
    import_library(_name, "training", "scikit-learn joblib")
