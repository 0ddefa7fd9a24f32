r"""Does an Arm processor compute the same integers? Asked without one, by emulation.

    python -m tflite.studies.arm --cache=runs/arm --names=operations --output=arm_operations.csv
    python -m tflite.studies.arm --cache=runs/arm --names=networks --output=arm_networks.csv

It needs Debian's programs `apt-get` and `dpkg-deb`, and the keys of its archive
(`debian-archive-keyring`). The folder of `--cache` gets a Python for arm64, NumPy and LiteRT, 220
MB, and QEMU unless `qemu-aarch64` of version 8 or later is installed: the SME of QEMU 7.2 computes
wrong numbers. Nothing of the machine is changed.

QEMU shows programs the processors of this machine. XNNPACK asks which those are and ends if they
are no Arm, so the folder holds a `/proc/cpuinfo` of the processor that is emulated.
"""
