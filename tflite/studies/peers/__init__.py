r"""How fast are keraslight's networks beside popular ones?

    python -m tflite.benchmark --suite=peers --rounds=5 --json=results/latency_amd_epyc_avx2.json

Builds each network with random weights, so that nothing is downloaded, at 224x224 or the size that
its accuracy was published for; writes a float and an int8 file, and times all in one interleaved
run. What is timed is the structure. Accuracies are those published, with their source. Ratios are
to MobileNetV2 1.0 in float. `docs/choose.md` has what was found on each kind of processor.
"""
