"""Studies: programs that each answer one question and make one file in results/.

| folder | what it asks |
| --- | --- |
| `peers` | How fast are keraslight's networks beside popular ones? |
| `forms` | What is fusing worth? |
| `runtimes` | Does the runtime matter: LiteRT, ONNX Runtime, PyTorch? |
| `int8_table` | What does int8 cost in accuracy, and does the Keras model say it to the bit? |
| `hard_cases` | Networks that int8 breaks: what brings each of them back? |
| `formats` | What does each number format of a file cost and save? |
| `shared` | what the studies share: files of networks, the peaks of this machine |

The docstring of each folder says its command and what it found.
"""
