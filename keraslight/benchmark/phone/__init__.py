"""Benchmarks on Android phones over adb."""
