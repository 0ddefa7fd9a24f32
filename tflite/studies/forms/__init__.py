r"""What is fusing worth, and what is each form of a block worth?

    python -m tflite.benchmark --suite=forms --rounds=4 --json=results/forms_amd_epyc_avx2.json

Times keraslight's networks as they are built beside their fused forms, float and int8, at 224x224
with random weights, in one interleaved run. The int8 files of networks that are not fused are by
TensorFlow's converter, as their users would write them. `networks.py` has the ratio that each
should reach: targets of development, which no other code knows of.

`results/forms_by_choice.md` has what was found on each kind of machine, and
`python -m tflite.studies.forms.policies` makes the policies of `keraslight/graph/policies` from it.
"""
