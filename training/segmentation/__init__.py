"""Semantic segmentation: LR-ASPP, trained by the loop of the classifiers."""
