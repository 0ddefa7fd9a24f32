import pytest

import keraslight


def test_separate_heads_are_two_outputs_and_another_network_than_the_published():
    model = keraslight.RepViT(separate_heads=True, input_shape=(32, 32, 3), classes=5)
    assert model.output_shape == [(None, 5)] * 2
    assert model.architecture["options"] == {"separate_heads": True}


def test_bad_arguments():
    with pytest.raises(ValueError, match="Received: variant='m1'"):
        keraslight.RepViT("m1")
    with pytest.raises(ValueError, match="Received: width=0"):
        keraslight.RepGhostNet(0)
