r"""Do networks that others wrote come through whole, and to the bit?

    python -m tflite.studies.gallery                      # every network, those with rows left out
    python -m tflite.studies.gallery --networks=Xception,kimm:MobileOneS0 --again

All networks of keras.applications, and small ones of keras-hub, kimm, k3im and zeromodels where
those are installed, are fused, quantized, calibrated, exported and run. No weights are fetched:
kernels are as Keras initializes them, and the parameters and statistics of normalizations, scales
and biases are drawn far from their initial ones, so that nothing is folded away by chance. The
input is the smallest that the network takes. `results/gallery.csv` has a row for each network:

- `fuse_error`: the largest difference of the fused model's outputs, over the largest output,
- `float_layers`: layers that have no int8 form and stay in float32,
- `db`: the signal-to-noise ratio of the file's logits against those of the fused model,
- `exact`: the share of logits in which `exact_model` is equal to the file,
- `one_step`: the share of logits in which the quantized model is within one step of the file,
- `outside_xnnpack`: operators of the file that XNNPACK does not run,
- `quantize_seconds`, `export_seconds`: times on whatever machine ran it, not alone,
- `failure`: why a network did not come through. The next run tries it again.
"""
