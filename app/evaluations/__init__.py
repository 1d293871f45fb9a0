"""Evaluations: a labelled set of images in, certified accuracy out, one job an image."""
