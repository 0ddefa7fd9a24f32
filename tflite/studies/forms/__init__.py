r"""What is fusing worth, and what is each form of a block worth?

    python -m tflite.benchmark --suite=forms --rounds=5 --json=results/forms_amd_epyc.json

Times keraslight's networks as they are built beside their fused forms, float and int8, at 224x224
with random weights, in one interleaved run. The int8 files of networks that are not fused are by
TensorFlow's converter, as their users would write them. `networks.py` has the ratio that each
should reach: targets of development, which no other code knows of.

Found on one thread of an AMD EPYC (`results/forms_amd_epyc.md`; ratios of two runs differ by up to
3 %):

- Fused, a network takes 0.79 (IGCV3-D) to 0.98 (VGNetG-2.0MP) of the time of the network as built
  in float, and 0.61 (IGCV3-D) to 0.80 (VGNetG-2.0MP) in int8.
- VGNetG-1.0MP with the normalization first takes 0.93 of the time of the usual order in float and
  0.95 in int8.
- Two int8 ratios miss their goals: IGCV3-D (0.61 for 0.55) and FalconNet (0.80 for 0.75).
  `results/forms_by_choice.md` has what was tried.
"""
