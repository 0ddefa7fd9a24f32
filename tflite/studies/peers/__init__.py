r"""How fast are keraslight's networks beside popular ones?

    python -m tflite.benchmark --suite=peers --rounds=5 --json=results/latency_amd_epyc.json

Builds each network at 224x224 with random weights, so that nothing is downloaded, writes a float
and an int8 file, and times all in one interleaved run. What is timed is the structure. Accuracies
are those published, with their source. Ratios are to MobileNetV2 1.0 in float.

Found on one thread of an AMD EPYC (`results/latency_amd_epyc.md`):

- VGNetG-1.0MP takes 0.79 of the time of MobileNetV2 0.75 in float and 0.69 in int8, at 1.7 % less
  published accuracy; VGNetG-2.0MP takes 1.10 and 0.90 of that of MobileNetV2 1.0, at 0.5 % more.
- RepVGG-A0 is the fastest of all in int8 for its multiply-adds: it is made of 3x3 convolutions
  alone, which run at the peak of the machine.
- FalconNet has 190 million multiply-adds, fewer than MobileNetV2 1.0, but its int8 file takes
  longer: grouped convolutions and shuffles are far from the peak.
"""
