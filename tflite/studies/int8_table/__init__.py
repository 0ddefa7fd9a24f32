r"""What does int8 cost in accuracy, and do the Keras models say it to the bit?

    python -m tflite.studies.int8_table --runs=runs/vgnetg,runs/repvgg \
        --train_dir=imagenette160/train --data_dir=imagenette160/val \
        --output=results/int8_imagenette.json

A run is a folder of training.train; networks by name, such as vgnetg_1_0mp, have random weights and
show no more than that the arithmetic is right. For each, the columns are: top-1 of the model, of
the fused model, of its int8 file calibrated here, of the int8 file that TensorFlow's converter
makes of the same fused model and the same pictures, and, where the run holds them, of the models
that training went on with: quantized (`training.qat`), and in float (`training.qat --control`)
with the int8 file of that. Pictures are prepared as the model's own evaluation does: a run's with
its `eval_crop`, mean and deviation.

Then, on --exact_images pictures, how the Keras models compare with the int8 file: the share of
logits that `exact_model` gets to the bit, what the runtime's own kernels get, and the
signal-to-noise ratio of file and simulation.

Found on 1,975 Imagenette pictures, one seed each (`results/int8_imagenette.md`; 1 % is 20 pictures;
those pictures were squashed to the input's size, which is not how the runs were evaluated):

- int8, calibrated on 200 pictures, changes top-1 of eight networks by -0.3 % to +0.2 %; the int8
  files of TensorFlow's converter by -2.1 % to +0.5 %.
- `exact_model` agrees with the file in every bit of every logit; the runtime's built-in kernels
  agree with XNNPACK in 26 to 52 % of the logits.
- Quantization-aware training gains nothing that the same training in float does not: the two int8
  files differ by -0.5 % to +0.4 %.
"""
