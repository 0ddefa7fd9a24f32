"""VGNetG-1.0MP in PyTorch, with the authors' layers and names, to measure beside."""

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = (28, 56, 112, 224, 368)
BLOCKS = (4, 7, 13, 2)


class ConvActNorm(nn.Sequential):
    """Convolution, SiLU, BatchNorm, in this order."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 1, stride: int = 1):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel_size, stride, kernel_size // 2, bias=False),
            nn.SiLU(inplace=True),
            nn.BatchNorm2d(outputs),
        )


class GaussianBlur(nn.Module):
    """A fixed 3x3 Gaussian of sigma 1, and stride 2."""

    def __init__(self, channels: int):
        super().__init__()
        line = torch.exp(-(torch.tensor([-1.0, 0.0, 1.0]) ** 2) / 2)
        kernel = line[:, None] * line
        kernel = (kernel / kernel.sum()).repeat(channels, 1, 1, 1)
        self.register_buffer("weight", kernel)

    def forward(self, x):
        return F.conv2d(x, self.weight, stride=2, padding=1, groups=len(self.weight))


class DownsamplingBlock(nn.Module):
    """Blurs; gives its last channels as they are, and a pointwise convolution of all."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.kept = min(outputs // 2, inputs)
        self.downsample = GaussianBlur(inputs)
        self.conv1x1 = ConvActNorm(inputs, outputs - self.kept)

    def forward(self, x):
        x = self.downsample(x)
        return x[:, -self.kept :], self.conv1x1(x)


class HalfIdentityBlock(nn.Module):
    """Hands its right half on, filters it, and makes a new half of both."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.half3x3 = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.conv1x1 = ConvActNorm(channels, half)

    def forward(self, halves):
        left, right = halves
        return right, self.conv1x1(torch.cat([left, self.half3x3(right)], dim=1))


class Concat(nn.Module):
    """Joins the two halves."""

    def forward(self, halves):
        return torch.cat(halves, dim=1)


class VGNetG(nn.Module):
    """VGNetG-1.0MP, the network of the published weights.

    Args:
        classes: int.
    """

    def __init__(self, classes: int = 1000):
        super().__init__()
        stages = {"stem": ConvActNorm(3, CHANNELS[0], 3, 2)}
        for stage, depth in enumerate(BLOCKS, 1):
            inputs, outputs = CHANNELS[stage - 1 : stage + 1]
            blocks = [HalfIdentityBlock(outputs) for _ in range(1, depth)]
            stages[f"stage{stage}"] = nn.Sequential(
                DownsamplingBlock(inputs, outputs), *blocks, Concat()
            )
        last = CHANNELS[-1]
        depthwise = nn.Conv2d(last, last, 3, padding=1, groups=last, bias=False)
        stages["stage4"].append(nn.Sequential(depthwise, ConvActNorm(last, last)))
        self.features = nn.Sequential()
        for name, module in stages.items():
            self.features.add_module(name, module)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))
