// ResNet: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1, with the stride
// in the 3×3 convolution of a bottleneck block, as in torchvision.
extension Network {
    /// A ResNet with the given number of blocks in each layer.
    static func resnet(blocks: [Int], isBottleneck: Bool, classes: Int) -> Network {
        let depth = blocks.reduce(2) { $0 + $1 * (isBottleneck ? 3 : 2) }
        var network = Network(name: "resnet\(depth)")
        var x = network.convolution(
            network.input, at: "conv1", channels: 64, kernel: Extent(7), stride: 2, padding: Extent(3))
        x = network.batchNormalization(x, at: "bn1")
        x = network.relu(x, at: "relu")
        x = network.maxPool(x, at: "maxpool", kernel: 3, stride: 2, padding: 1)
        for (layer, count) in blocks.enumerated() {
            for block in 0..<count {
                x = network.residualBlock(
                    x, at: "layer\(layer + 1).\(block)", width: 64 << layer, isBottleneck: isBottleneck,
                    stride: layer > 0 && block == 0 ? 2 : 1)
            }
        }
        network.classifier(x, classes: classes)
        return network
    }

    private mutating func residualBlock(
        _ input: Tensor, at path: String, width: Int, isBottleneck: Bool, stride: Int
    ) -> Tensor {
        let channels = isBottleneck ? 4 * width : width
        // A block adds little to its input, or the sum would grow from block to block.
        let residualGain: Float = 0.25
        var x = input
        if isBottleneck {
            x = convolution(x, at: path + ".conv1", channels: width, kernel: Extent(1))
            x = batchNormalization(x, at: path + ".bn1")
            x = relu(x, at: path + ".relu")
            x = convolution(
                x, at: path + ".conv2", channels: width, kernel: Extent(3), stride: stride, padding: Extent(1))
            x = batchNormalization(x, at: path + ".bn2")
            x = relu(x, at: path + ".relu_1")
            x = convolution(x, at: path + ".conv3", channels: channels, kernel: Extent(1))
            x = batchNormalization(x, at: path + ".bn3", gain: residualGain)
        } else {
            x = convolution(
                x, at: path + ".conv1", channels: width, kernel: Extent(3), stride: stride, padding: Extent(1))
            x = batchNormalization(x, at: path + ".bn1")
            x = relu(x, at: path + ".relu")
            x = convolution(x, at: path + ".conv2", channels: channels, kernel: Extent(3), padding: Extent(1))
            x = batchNormalization(x, at: path + ".bn2", gain: residualGain)
        }
        var shortcut = input
        if stride != 1 || input.channels != channels {
            shortcut = convolution(
                input, at: path + ".downsample.0", channels: channels, kernel: Extent(1), stride: stride)
            // No rectifier follows, so this undoes the convolution's doubling of the mean square.
            shortcut = batchNormalization(shortcut, at: path + ".downsample.1", gain: 0.7)
        }
        x = sum(x, shortcut, at: path)
        return relu(x, at: path + (isBottleneck ? ".relu_2" : ".relu_1"))
    }
}
