r"""Are files of others read bit for bit? Networks of keras.applications, converted and read again.

    python -m tflite.studies.imported --output=results/imported_files.csv

Each network gets drawn weights and becomes an int8 file twice: by TensorFlow's own converter, which
calibrates it after training, and by `keraslight.export_tflite`. `keraslight.load_tflite` reads the
file, `keraslight.exact_model` is compared with LiteRT on drawn pictures, and the file is written
again. What is in the file already is not measured again.
"""
