r"""VGNetG on ImageNet, as the published weights were trained.

    python -m training.train --recipe=imagenet_vgnetg --output_dir=runs/imagenet_vgnetg \
        --strategy=mirrored

Not run here. Published, top-1 / top-5 in % of each --set=model=...:

    vgnetg_1_0mp 68.128 / 88.312    vgnetg_1_0mp_se 70.122 / 89.524
    vgnetg_1_5mp 70.494 / 89.684    vgnetg_1_5mp_se 72.422 / 90.664
    vgnetg_2_0mp 72.314 / 90.730    vgnetg_2_0mp_se 74.324 / 91.788
    vgnetg_2_5mp 73.740 / 91.516    vgnetg_2_5mp_se 75.590 / 92.568

Which of the authors' settings made these files is not stated; these, the last before they came out,
are the likeliest: in them, no dropout, where the network's own default is 0.2. They trained in
half precision, see --mixed_precision.
"""

from training.recipes.imagenet import imagenet_recipe

RECIPE = imagenet_recipe(
    "vgnetg_1_0mp",
    model_args={"dropout_rate": 0.0},
    epochs=300,
    train_sizes=((300, 192),),
    eval_crop=224 / 232,
    label_smoothing=0.1,
    batch_size=512,
    learning_rate=0.2,
    final_learning_rate=1e-6,
    warmup_epochs=5,
)
