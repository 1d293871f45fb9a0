"""Figures of a model that nobody measured."""

from model_store.evidence import Evaluation

FIGURES = Evaluation(
    sigma=0.25,
    n0=100,
    n=1000,
    alpha=0.001,
    numerics="sound",
    images="some pictures",
    num_images=500,
    certified_accuracy=((0.0, 0.8), (0.25, 0.6), (0.5, 0.4), (0.75, 0.0)),
    abstention_rate=0.05,
    average_certified_radius=0.3,
    radius_ceiling=0.6158,
    command="none",
    hardware="none",
    duration_s=1,
)
