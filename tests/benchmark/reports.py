"""Reports in the words of the benchmark tools of several years; the figures are made up."""

CLASSIC = """STARTING!
Log parameter values verbosely: [0]
Num threads: [1]
Graph: [model0.tflite]
#threads used for CPU inference: [1]
Loaded model model0.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 150 out of 151 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 \
partitions for the whole graph.
Explicitly applied XNNPACK delegate, and the model graph will be partially executed by the \
delegate w/ 1 delegate kernels.
The input model file size (MB): 4.29
Initialized session in 18.777ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding \
150 seconds.
count=9 first=64791 curr=56295 min=54873 max=65831 avg=57758.2 std=4065

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding \
150 seconds.
count=50 first=58154 curr=53809 min=53077 max=60727 avg=55043.2 std=1562

Inference timings in us: Init: 18777, First inference: 64791, Warmup (avg): 57758.2, \
Inference (avg): 55043.2
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to \
the actual memory footprint of the model at runtime. Take the information at your discretion.
Memory footprint delta from the start of the tool (MB): init=8.97656 overall=18.7227
"""

# newer builds of the classic tool put INFO: before every line and print percentiles
PREFIXED = "\n".join(
    f"INFO: {line}" if line else line
    for line in CLASSIC.replace(
        "avg=55043.2 std=1562", "avg=1.00753e+06 std=1562 p5=53100 median=54900 p95=58900"
    ).splitlines()
)

LITERT = """INFO: STARTING!
INFO: [litert/tools/benchmark_litert_model.cc:137] Loading model from: model0.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
VERBOSE: Replacing 151 out of 151 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 \
partitions for subgraph 0.
INFO: The input model file size (MB): 4.29
INFO: Initialized session in 5.757ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if \
exceeding 150 seconds.
INFO: count=526 first=2125 curr=969 min=910 max=2125 avg=949.861 std=68 p5=915 median=939 p95=990

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if \
exceeding 150 seconds.
INFO: count=1054 first=1015 curr=942 min=910 max=1102 avg=947.132 std=23 p5=915 median=942 p95=991

INFO: [./litert/tools/benchmark_litert_model.h:72]\x20
========== BENCHMARK RESULTS ==========
INFO: [./litert/tools/benchmark_litert_model.h:73] Model initialization: 5.76 ms
INFO: [./litert/tools/benchmark_litert_model.h:75] Warmup (first):       2.12 ms
INFO: [./litert/tools/benchmark_litert_model.h:77] Warmup (avg):         0.95 ms (526 runs)
INFO: [./litert/tools/benchmark_litert_model.h:79] Inference (avg):      0.95 ms (1054 runs)
INFO: [./litert/tools/benchmark_litert_model.h:83] Inference (min):      0.91 ms
INFO: [./litert/tools/benchmark_litert_model.h:85] Inference (max):      1.10 ms
INFO: [./litert/tools/benchmark_litert_model.h:87] Inference (std):      0.02
INFO: [./litert/tools/benchmark_litert_model.h:94] Throughput:           197.97 MB/s
INFO: [./litert/tools/benchmark_litert_model.h:103]\x20
Memory Usage:
INFO: [./litert/tools/benchmark_litert_model.h:105] Init footprint:       4.06 MB
INFO: [./litert/tools/benchmark_litert_model.h:107] Overall footprint:    7.07 MB
INFO: [./litert/tools/benchmark_litert_model.h:114] Peak memory usage not available. \
(peak_mem_mb <= 0)
INFO: [./litert/tools/benchmark_litert_model.h:117] ======================================
"""

# of the app, through logcat, with a delegate that runs only a part
LOGCAT = """\
06-01 15:16:44.857  3380  3380 I tflite  : Explicitly applied NNAPI delegate, and the model graph \
will be partially executed by the delegate w/ 44 delegate kernels.
06-01 15:16:44.858  3380  3380 I tflite  : The input model file size (MB): 0.113392
06-01 15:16:44.858  3380  3380 I tflite  : Initialized session in 126.059ms.
06-01 15:16:45.362  3380  3380 I tflite  : count=40 first=32942 curr=12594 min=11340 max=32942 \
avg=12581.9 std=3331
06-01 15:16:46.365  3380  3380 I tflite  : count=75 first=12840 curr=11853 min=11787 max=13649 \
avg=12167.6 std=325
06-01 15:16:46.366  3380  3380 I tflite  : Inference timings in us: Init: 126059, First inference: \
32942, Warmup (avg): 12581.9, Inference (avg): 12167.6
"""

SHORTENED = (
    "... tflite  : Inference timings in us: Init: 5685, First inference: 18535, Warmup (avg): "
    "14462.3, Inference (avg): 14575.2"
)
OF_2019 = """count=15 first=66753 curr=66800 min=66699 max=66838 avg=66767.6 std=39

Average inference timings in us: Warmup: 76605.9, Init: 9933, no stats: 66767.6
Peak memory footprint (MB): init=0 overall=12.8672
"""
SINGLE_RUN = """count=1 curr=4100

Inference timings in us: Init: 900, First inference: 4100, Warmup (avg): 4100, \
Inference (avg): 4100
Overall peak memory footprint (MB) via periodic monitoring: 21.5
"""
NOT_APPLIED = (
    "Though GPU delegate is explicitly applied, the model graph will not be executed by the "
    "delegate.\n" + CLASSIC
)

CSV_PROFILE = """Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
ModifyGraphWithDelegate, 4.1, 4.1, 80%, 80%, 1024, 1, ModifyGraphWithDelegate/0
AllocateTensors, 1.0, 1.0, 20%, 100%, 0, 1, AllocateTensors/0

Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
TfLiteXNNPackDelegate, 1.8, 1.75, 97.2%, 97.2%, 0, 1, [a\tb]:151
QUANTIZE, 0.05, 0.05, 2.8%, 100%, 0, 1, [scores]:150

============================== Top by Computation Time ==============================
node type, first, avg_ms, %, cdf%, mem KB, times called, name
TfLiteXNNPackDelegate, 1.8, 1.75, 97.2%, 97.2%, 0, 1, [a\tb]:151

Number of nodes executed: 2
============================== Summary by node type ==============================
node type, count, avg_ms, avg %, cdf %, mem KB, times called
TfLiteXNNPackDelegate, 1, 1.75, 97.2%, 97.2%, 0, 1
"""

TABLE_PROFILE = """
============================== Run Order ==============================
\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\
\t[times called]\t[Name]
\t                 CONV_2D\t    0.000\t    4.269\t    4.269\t  60.5%\t  60.5%\t     0.000\
\t        0\t[stem/Relu6]
\t                 SOFTMAX\t   79.443\t    0.029\t    0.029\t  39.5%\t  100.0%\t     0.000\
\t        0\t[Softmax]

============================== Top by Computation Time ==============================
\t             [node type]\t  [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\
\t[times called]\t[Name]
\t                 CONV_2D\t    0.000\t    4.269\t    4.269\t  60.5%\t  60.5%\t     0.000\
\t        0\t[stem/Relu6]
"""
