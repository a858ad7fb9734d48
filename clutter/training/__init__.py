"""Training: labelled pages -> a model, and how good it is.

``train.train`` makes a model from the ground up, ``tune.tune`` adapts one to a few pages of a
new site, ``evaluate.evaluate`` scores one. All of it needs scikit-learn and joblib, which
cleaning does not.
"""

from clutter.errors import import_library

for _name in ("sklearn", "joblib", "scipy", "threadpoolctl"):
    import_library(_name, "training", "scikit-learn joblib")
