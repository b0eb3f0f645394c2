"""Two published classifiers of CIFAR-10's colour pictures, their batch norms folded into the
convolutions.

He et al.: Deep Residual Learning for Image Recognition, 2015, https://arxiv.org/abs/1512.03385
(section 4.2); Simonyan, Zisserman: Very Deep Convolutional Networks, 2014,
https://arxiv.org/abs/1409.1556. Both take [B, 3, 32, 32] in [0, 1], without normalisation, and
return logits [B, K].
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CifarResNet", "CifarVGG"]

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class _CifarBlock(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride, 1)
        self.second = nn.Conv2d(outer, outer, 3, 1, 1)
        self.skip = nn.Conv2d(inner, outer, 1, stride) if inner != outer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(F.relu(self.first(x))) + self.skip(x))


class CifarResNet(nn.Module):
    """A residual network of 6n + 2 layers in three stages.

    :param blocks: n, of each stage; 9 for ResNet-56.
    """

    def __init__(self, blocks: int = 9, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1)
        self.stages = nn.ModuleList()
        inner = width
        for stage in range(3):
            outer = width * 2**stage
            self.stages.append(
                nn.Sequential(
                    _CifarBlock(inner, outer, 1 if stage == 0 else 2),
                    *(_CifarBlock(outer, outer, 1) for _ in range(blocks - 1)),
                )
            )
            inner = outer
        self.head = nn.Linear(inner, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, 32, 32] in [0, 1] -> logits [B, K]."""
        return self.head(self.embed(x))

    def embed(self, x: Tensor) -> Tensor:
        """[B, 3, 32, 32] in [0, 1] -> what the last layer sees, [B, D]."""
        x = F.relu(self.stem(x))
        for stage in self.stages:
            x = stage(x)
        return x.mean((2, 3))


class CifarVGG(nn.Module):
    """VGG-16 with batch norms, for pictures of 32 pixels.

    :param width: channels of the first convolution, a 64th of the published network's unit.
    """

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        inner = 3
        for stage in VGG16:
            for channels in stage:
                outer = channels * width // 64
                self.convolutions.append(nn.Conv2d(inner, outer, 3, 1, 1))
                inner = outer
        self.hidden, self.head = nn.Linear(inner, inner), nn.Linear(inner, classes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, 32, 32] in [0, 1] -> logits [B, K]."""
        return self.head(self.embed(x))

    def embed(self, x: Tensor) -> Tensor:
        """[B, 3, 32, 32] in [0, 1] -> what the last layer sees, [B, D]."""
        layers = iter(self.convolutions)
        for stage in VGG16:
            for _ in stage:
                x = F.relu(next(layers)(x))
            x = F.max_pool2d(x, 2)
        return F.relu(self.hidden(x.flatten(1)))
